//! A pair that was issued is kept, whatever becomes of the disk, the vault's lock, the threads, the
//! clock or the process meanwhile.

mod clock;
mod disk;
mod faults;
mod processes;
