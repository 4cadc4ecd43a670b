//! Sockets and threads of the edge.
