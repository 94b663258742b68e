//! What faults do to the bytes of a connection, without any input or output.
