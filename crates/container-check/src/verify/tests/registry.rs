//! A registry with one image, strict about who asks: for pulls by the engine.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::Engine as _;
use bytes::Bytes;
use serde_json::json;
use tokio::task::JoinSet;

use crate::packing::PackedImage;
use shipgate_core::{digest::Digest, manifest::RawManifest};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

struct Shelf {
    authorization: String,
    content: HashMap<String, (String, Bytes)>,
}

/// Serves on 127.0.0.1, where engines accept plain HTTP, until it is dropped.
pub(super) struct Registry {
    host: String,
    digest: Digest,
    _server: JoinSet<()>,
}

impl Registry {
    pub(super) async fn start(image: PackedImage, password: &str) -> Self {
        Self::serve(image, &[], password).await
    }

    /// The image in an index that names no platform, and that in another index.
    pub(super) async fn nested(image: PackedImage, password: &str) -> Self {
        let index_of = |member: &RawManifest| {
            let RawManifest { media_type, digest, bytes } = member;
            let member = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [member]});
            RawManifest::new(INDEX, index.to_string().into())
        };
        let inner = index_of(&image.manifest);
        let outer = index_of(&inner);
        Self::serve(image, &[inner, outer], password).await
    }

    /// An image, and indexes, of which the last is the one that is named.
    async fn serve(image: PackedImage, indexes: &[RawManifest], password: &str) -> Self {
        let token = base64::engine::general_purpose::STANDARD.encode(format!("AWS:{password}"));
        let manifests: Vec<&RawManifest> = [&image.manifest].into_iter().chain(indexes).collect();
        let digest = manifests[manifests.len() - 1].digest.clone();
        let as_content = |raw: &RawManifest| (raw.digest.to_string(), (raw.media_type.clone(), raw.bytes.clone()));
        let manifests: Vec<_> = manifests.into_iter().map(as_content).collect();
        let blobs = image.blobs.into_iter().map(|(blob, bytes)| (blob.digest.to_string(), (blob.media_type, bytes)));
        let shelf = Shelf { authorization: format!("Basic {token}"), content: blobs.chain(manifests).collect() };
        let router = Router::new()
            .route("/v2/", get(greet))
            .route("/v2/shop/api/{kind}/{digest}", get(content))
            .with_state(Arc::new(shelf));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { host, digest, _server: server }
    }

    /// The image, as the engine must dial it.
    pub(super) fn reference(&self) -> String {
        format!("{}/shop/api@{}", self.host, self.digest)
    }
}

fn refused(shelf: &Shelf, headers: &HeaderMap) -> Option<Response> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    (given != Some(shelf.authorization.as_str()))
        .then(|| (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"test\"")]).into_response())
}

async fn greet(State(shelf): State<Arc<Shelf>>, headers: HeaderMap) -> Response {
    refused(&shelf, &headers).unwrap_or_else(|| StatusCode::OK.into_response())
}

async fn content(
    State(shelf): State<Arc<Shelf>>,
    Path((_kind, digest)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = refused(&shelf, &headers) {
        return refused;
    }
    let Some((media_type, bytes)) = shelf.content.get(&digest) else { return StatusCode::NOT_FOUND.into_response() };
    let digest_header = header::HeaderName::from_static("docker-content-digest");
    ([(header::CONTENT_TYPE, media_type.clone()), (digest_header, digest)], bytes.clone()).into_response()
}
