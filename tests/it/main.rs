//! Behaviour of the harness, room by room.

mod support;
