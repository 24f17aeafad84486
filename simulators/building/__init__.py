"""The simulated building: weather, air, vaults, people."""
