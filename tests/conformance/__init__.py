"""bnstat beside the real layers: cases, adapters of layers, recordings of what they gave, and the comparison."""
