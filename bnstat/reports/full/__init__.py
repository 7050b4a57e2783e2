"""The result of `bnstat report`: the answers of several commands on the same volumes, and what the page adds."""
