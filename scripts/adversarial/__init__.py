"""Random cases for bnstat, and what becomes of them beside the exact reference in tests/reference."""
