"""A second thread that reads ahead: the same blocks in the same order, in memory that is used again."""

from contextlib import closing

import pytest

from bnstat.sources.read_ahead import read_ahead


def counting(last):
    def read(free):
        for number, buffer in zip(range(last), free, strict=False):
            buffer[0] = number
            yield buffer, buffer

    return read


def test_blocks_come_in_order_whatever_the_number_of_buffers():
    for buffers in (1, 2, 5):
        assert [block[0] for block in read_ahead(counting(20), [[None] for _ in range(buffers)])] == list(range(20))


def test_a_buffer_is_filled_again_only_after_the_next_block_was_asked_for():
    with closing(read_ahead(counting(20), [[None], [None]])) as blocks:
        for number, block in enumerate(blocks):
            assert block[0] == number


def test_what_the_reader_raises_is_raised_after_the_blocks_before_it():
    def read(free):
        yield next(free), "one"
        raise KeyboardInterrupt

    blocks = read_ahead(read, [1, 2])
    assert next(blocks) == "one"
    with pytest.raises(KeyboardInterrupt):
        next(blocks)
