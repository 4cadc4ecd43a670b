//! What a plugin pack is, without an engine: its manifest, its signature, what it asks for and what a tenant grants, and which of its versions serves
//! whom. Data in, verdict out: nothing here reads a file or a clock.
