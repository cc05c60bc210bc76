"""What wallets and verifiers share: pinned trust, registries over HTTP, a verifier ready to use."""
