"""The council as a k-of-n wallet: what its members propose, sign and carry out."""
