"""Reports as plain values, under the names of the JSON contract: what JSON and CSV are written from."""
