"""The verdict of a page in words: on the batch size, on the data, why, what was read, and what it cannot say."""
