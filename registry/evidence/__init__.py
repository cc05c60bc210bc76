"""Evidence packages of this registry's documents, and proofs for whoever holds one."""
