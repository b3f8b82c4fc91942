//! A container that is kept.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::bench::{Bench, settings, with_bench};
use crate::verify::verify;
use shipgate_core::event::{Emitter, Event};

#[tokio::test]
async fn a_kept_container_runs_on_and_is_told_of_and_no_run_sweeps_it() {
    with_bench(async |bench: &Bench| {
        let settings = settings(&[]);
        let mut request = bench.request(bench.image(), &settings, Duration::ZERO);
        request.keep = true;
        let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let events = {
            let heard = std::sync::Arc::clone(&heard);
            Emitter::new(move |event| heard.lock().unwrap().push(event))
        };
        let judged = verify(bench.engine(), request, &events, &CancellationToken::new()).await.unwrap();
        assert!(judged.healthy, "{judged:?}");
        let kept = bench.engine().containers_of_run(bench.run_id()).await.unwrap();
        assert_eq!(kept.len(), 1);
        assert!(bench.engine().container(&kept[0]).await.unwrap().running);
        let told =
            heard.lock().unwrap().iter().any(
                |event| matches!(event, Event::Notice { message } if message.contains("docker exec -it shipgate-")),
            );
        assert!(told, "{:?}", heard.lock().unwrap());
        // Swept by the next check if it could be.
        bench.verify(&settings).await.unwrap();
        assert_eq!(bench.engine().containers_of_run(bench.run_id()).await.unwrap(), kept);
        bench.engine().remove_container(&kept[0]).await.unwrap();
    })
    .await;
}
