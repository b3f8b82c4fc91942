//! `shipgate iam`: the policies are written as others read them, they suffice for the whole pipeline, and none of what they allow
//! can be spared.

mod lean;
mod page;
mod removal;
mod stories;
mod written;
