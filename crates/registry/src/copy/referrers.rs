//! What refers to an image (signatures, SBOMs, attestations), copied after it: what the registry lists, and what cosign
//! keeps under tags made of the image's digest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::future::join_all;

use super::{
    commit::Under,
    error::CopyError,
    lane,
    run::Run,
    subject::{self, Subject},
};
use crate::{
    referrers::{Referrer, tag_of},
    request::bad_answer,
};
use shipgate_core::{
    digest::Digest,
    event::Event,
    manifest::{Manifest, MemberKind, RawManifest},
    referrers::ReferrersPolicy,
};

/// What cosign appends to the tag of an image's digest: signatures, attestations, SBOMs.
const TAG_ENDINGS: [&str; 3] = [".sig", ".att", ".sbom"];

/// As deep as referrers of referrers are followed: the signature of an attestation of an image.
const MAX_DEPTH: usize = 2;

/// As deep as indexes within indexes are followed: as deep as they are copied.
const MAX_INDEX_DEPTH: usize = 4;

/// Brings everything that refers to the image, or to a member of it, to the destinations that have it.
pub(super) async fn follow(run: &Run, image: &Subject, policy: ReferrersPolicy) -> Result<(), CopyError> {
    if policy == ReferrersPolicy::Skip {
        return Ok(());
    }
    let digest = &image.digest;
    let mut waiting: VecDeque<(Digest, usize)> = VecDeque::new();
    let mut seen = BTreeSet::from([digest.clone()]);
    waiting.push_back((digest.clone(), 0));
    match members(run, image).await {
        Ok(members) => waiting.extend(members.into_iter().filter(|m| seen.insert(m.clone())).map(|m| (m, 0))),
        Err(error) => give_up(run, digest, policy, error)?,
    }
    while let Some((subject, depth)) = waiting.pop_front() {
        let found = match attach(run, &subject, policy).await {
            Ok(found) => found,
            Err(error) => {
                give_up(run, &subject, policy, error)?;
                continue;
            }
        };
        if depth < MAX_DEPTH {
            waiting.extend(found.into_iter().filter(|f| seen.insert(f.clone())).map(|f| (f, depth + 1)));
        }
    }
    Ok(())
}

/// The source failed: for all destinations, or for none that matters.
fn give_up(run: &Run, subject: &Digest, policy: ReferrersPolicy, error: CopyError) -> Result<(), CopyError> {
    if policy == ReferrersPolicy::Require {
        return Err(CopyError::Referrers { subject: subject.clone(), source: Box::new(error) });
    }
    run.events.emit(Event::Warning { message: format!("what refers to {subject} was not copied: {error}") });
    Ok(())
}

/// The members of an index, and of indexes in it: each may have referrers of its own.
async fn members(run: &Run, image: &Subject) -> Result<Vec<Digest>, CopyError> {
    let raw = match &image.raw {
        Some(raw) => raw.clone(),
        None => run.source.must_have(image.digest.as_str()).await?,
    };
    let Manifest::Index { members, .. } = run.source.parse(&raw)? else { return Ok(Vec::new()) };
    let (mut all, mut level) = (Vec::new(), members);
    for _ in 0..MAX_INDEX_DEPTH {
        let mut next = Vec::new();
        for member in level.into_iter().filter(|member| member.kind() != MemberKind::Blob) {
            all.push(member.digest.clone());
            if matches!(member.kind(), MemberKind::Index | MemberKind::Unknown) {
                let inner = run.source.registry.manifest(&run.source.repository, member.digest.as_str()).await?;
                if let Some(Ok(Manifest::Index { members, .. })) = inner.map(|raw| raw.parse()) {
                    next.extend(members);
                }
            }
        }
        level = next;
    }
    Ok(all)
}

/// A referrer, and the destinations that have it.
type Attached = (Referrer, BTreeSet<usize>);

/// Everything that refers to one manifest, to every destination; what it was.
async fn attach(run: &Run, subject: &Digest, policy: ReferrersPolicy) -> Result<Vec<Digest>, CopyError> {
    let (registry, repository) = (&run.source.registry, run.source.repository.as_str());
    let listed = registry.referrers(repository, subject).await?;
    for reason in listed.unusable {
        let action = registry.action("copy referrers", subject.as_str(), repository);
        give_up(run, subject, policy, bad_answer(action, format!("its list: {reason}")).into())?;
    }
    if listed.not_entries > 0 {
        let (count, source) = (listed.not_entries, &run.source);
        let entries = if count == 1 { "entry that is not a descriptor" } else { "entries that are not descriptors" };
        let message = format!("{source} lists {count} {entries} as referrers of {subject}, and shipgate skips them");
        run.events.emit(Event::Warning { message });
    }
    let mut attached: Vec<Attached> = Vec::new();
    for referrer in listed.all {
        match one(run, subject, &referrer, policy).await {
            Ok(Some(there)) => attached.push((referrer, there)),
            Ok(None) => {}
            Err(error) => give_up(run, subject, policy, error)?,
        }
    }
    if !attached.is_empty() {
        keep_account(run, subject, &attached, policy).await;
    }
    for ending in TAG_ENDINGS {
        let tag = format!("{}{ending}", tag_of(subject));
        if let Some(raw) = registry.tagged(repository, &tag).await? {
            let digest = raw.digest.clone();
            if let Err(error) = bring(run, subject, (&digest, Some(raw)), Under::Tag(&tag), policy).await {
                give_up(run, subject, policy, error)?;
            }
        }
    }
    Ok(attached.into_iter().map(|(referrer, _)| referrer.digest).collect())
}

/// Copies one entry of a list and returns the destinations that have it. `None` when the entry is not a referrer: its manifest
/// names another subject.
async fn one(
    run: &Run,
    subject: &Digest,
    referrer: &Referrer,
    policy: ReferrersPolicy,
) -> Result<Option<BTreeSet<usize>>, CopyError> {
    let (source, digest) = (&run.source, &referrer.digest);
    let raw = source.must_have(digest.as_str()).await?;
    if !referrer.is_of(subject, &raw) {
        let why = "its manifest has another subject";
        let message = format!("{digest}, which {source} lists as a referrer of {subject}, is not copied: {why}");
        run.events.emit(Event::Warning { message });
        return Ok(None);
    }
    bring(run, subject, (digest, Some(raw)), Under::Digest, policy).await.map(Some)
}

/// Copies one referrer and returns the destinations that have it. A destination that refuses it fails or causes a warning,
/// depending on the policy.
async fn bring(
    run: &Run,
    subject: &Digest,
    (digest, raw): (&Digest, Option<RawManifest>),
    under: Under<'_>,
    policy: ReferrersPolicy,
) -> Result<BTreeSet<usize>, CopyError> {
    let mut there: BTreeSet<usize> = lane::open(&run.lanes).map(|(index, _)| index).collect();
    let reference = if let Under::Tag(tag) = under { tag } else { digest.as_str() };
    let lacking = subject::lacking(&run.lanes, reference, digest).await;
    let brought = run.bring(&Subject { digest: digest.clone(), raw, lacking }, under).await;
    for index in there.clone() {
        if let Some(failure) = run.lanes[index].take_failure() {
            there.remove(&index);
            left_out(run, index, subject, policy, failure);
        } else if brought.is_ok() {
            run.lanes[index].tally.referrer_copied();
        }
    }
    brought.map(|()| there)
}

fn left_out(run: &Run, index: usize, subject: &Digest, policy: ReferrersPolicy, failure: CopyError) {
    let lane = &run.lanes[index];
    if policy == ReferrersPolicy::Require {
        lane.fail(CopyError::Referrers { subject: subject.clone(), source: Box::new(failure) });
    } else {
        let message = format!("what refers to {subject} was not copied to {lane:?}: {failure}");
        run.events.emit(Event::Warning { message });
    }
}

/// Where the registry does not list referrers by itself, the tag that lists them is kept up.
async fn keep_account(run: &Run, subject: &Digest, attached: &[Attached], policy: ReferrersPolicy) {
    let kept = join_all(lane::open(&run.lanes).map(|(index, lane)| async move {
        let (registry, repository) = (&lane.place.registry, lane.place.repository.as_str());
        let here = attached.iter().filter(|(_, there)| there.contains(&index));
        let here: Vec<Referrer> = here.map(|(referrer, _)| referrer.clone()).collect();
        if here.is_empty() {
            return (index, Ok(()));
        }
        let kept = match registry.listed_referrers(repository, subject).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => registry.add_tagged_referrers(repository, subject, &here).await,
            Err(error) => Err(error),
        };
        (index, kept)
    }));
    let failures: BTreeMap<usize, _> =
        kept.await.into_iter().filter_map(|(index, kept)| kept.err().map(|error| (index, error))).collect();
    for (index, failure) in failures {
        left_out(run, index, subject, policy, failure.into());
    }
}
