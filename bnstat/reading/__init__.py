"""Reading the inputs, in this process or on other workers, and the moments files that keep the result."""
