//! Capabilities within the namespaces: what the first process needs to make the inside, and then
//! none (capabilities(7)).

use rustix::io;
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities,
    capability_is_in_bounding_set, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
    set_capabilities_secure_bits,
};

use crate::isolate::Wall;

/// What the first process needs: the network, mounts, ports below 1024, and to drop the rest.
const NEEDED: CapabilitySet = CapabilitySet::SYS_ADMIN
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETGID)
    // Of root's files, which root's own namespace must not shut it out from.
    .union(CapabilitySet::DAC_OVERRIDE);

/// No capability has a higher number, in any kernel that there is.
const LAST: u32 = 63;

/// Hands what is needed on to the program that is executed next: it is not root, and would have
/// none.
pub(super) fn hand_on() -> io::Result<()> {
    let permitted = capabilities(None)?.permitted;
    let needed = if Wall::Rights.stands() {
        NEEDED.intersection(permitted)
    } else {
        permitted
    };
    let sets = CapabilitySets {
        effective: needed,
        permitted: needed,
        inheritable: needed,
    };
    set_capabilities(None, sets)?;
    for capability in needed.iter() {
        configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(())
}

/// Gives up all of them, for this process and whatever it executes, root's programs and those with
/// file capabilities among them. `become_user` is called while another user can still be become.
pub(super) fn give_up(become_user: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let none = CapabilitySet::empty();
    clear_ambient_capability_set()?;
    for number in 0..=LAST {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if capability_is_in_bounding_set(capability) == Ok(true) {
            remove_capability_from_bounding_set(capability)?;
        }
    }
    let root_is_nobody = CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
    set_capabilities_secure_bits(root_is_nobody)?;
    become_user()?;
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    set_capabilities(None, sets)
}
