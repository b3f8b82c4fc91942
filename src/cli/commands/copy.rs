//! `shipgate copy SRC DST [DST…]`: one image, from any registry to any others.

use crate::{
    cli::{args::CopyArgs, console::Console, wire},
    config::{
        copying::{self, CopyWords},
        environment::Environment,
    },
    pipeline::{copying as order, failure::Failure},
};
use shipgate_core::{event::Event, exit_code::ExitCode};

/// Copies.
pub async fn run(args: CopyArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    console.emitter().emit(Event::RunStarted {
        verb: "copy".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: args.source.clone(),
        target: None,
    });
    console
        .finish_with(async {
            let copying = copying::read(&words(args), &environment).map_err(Failure::Configuration)?;
            let run = console.run(String::new());
            let connecting = wire::connect_copy(&copying, &environment, run.events());
            Box::pin(order::copy(&run.narrator, &copying, connecting)).await
        })
        .await
}

fn words(args: CopyArgs) -> CopyWords {
    CopyWords {
        source: args.source,
        destinations: args.destinations,
        platform: args.platform,
        via: args.via,
        referrers: args.referrers,
        timeout: args.timeout,
        plain_http: args.plain_http,
        source_role: args.src_role,
        source_external_id: args.src_external_id,
        destination_roles: args.dst_role,
        destination_external_id: args.dst_external_id,
        oidc: args.oidc.into(),
    }
}
