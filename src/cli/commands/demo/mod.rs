//! `shipgate demo`: the main job, told in four scenes on the sandbox and the local Docker engine. Every claim the
//! story makes is checked against what is really there; the demo succeeds only if all of them hold.

mod scenes;
mod watch;
mod world;

use self::{
    scenes::Story,
    world::{DemoError, World},
};
use crate::{
    cli::{
        args::DemoArgs,
        console::{complain, say},
        signals,
    },
    config::environment::Environment,
};
use shipgate_core::exit_code::ExitCode;

/// Tells the story.
pub async fn run(args: DemoArgs) -> ExitCode {
    let environment = Environment::of_process();
    match World::build(&environment).await {
        Ok(world) => {
            let told = tell(&world, args.keep).await;
            world.end().await;
            told.unwrap_or_else(|error| give_up(&error))
        }
        Err(error) => give_up(&error),
    }
}

async fn tell(world: &World, keep: bool) -> Result<ExitCode, DemoError> {
    let mut story = Story::new(world);
    story.first_deployment().await?;
    story.second_deployment().await?;
    story.unhealthy_image().await?;
    story.rolled_back_deployment().await?;
    let code = story.end();
    if keep {
        let (page, exports) = (world.page(), world.exports());
        say(&format!(
            "\nThe sandbox keeps running until Ctrl-C: open {page} in a browser. In another shell:\n\n{exports}"
        ));
        signals::next().await;
    }
    Ok(code)
}

fn give_up(error: &DemoError) -> ExitCode {
    if let DemoError::Cancelled(signal) = error {
        say("stopped, and cleaned up");
        return signal.exit_code();
    }
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    let text: Vec<String> = [error.to_string()].into_iter().chain(causes.map(ToString::to_string)).collect();
    complain(&(text.join(": ") + &hint));
    error.exit_code()
}
