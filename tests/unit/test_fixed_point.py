"""Fixed point is exact: encoding and decoding round once, as fractions do, and sums do not depend on their order."""

from collections.abc import Callable
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import EncodingError
from shared.masking.encoding import Fixed, add, decode, encode, from_bytes, subtract, to_bytes, total
from tests.unit.masked_sites import fixed, integers

LIMIT = 2.0**63
UNIT = Fraction(1, 2**64)
EDGES = [
    *(0.0, -0.0, 1.0, -1.0, 0.1, 1e-10, 5e-324, -5e-324, 2.2e-308, 1e-300),
    *(2.0**-64, 2.0**-65, 2.0**-66, 3 * 2.0**-65, 5 * 2.0**-65, 1.5 * 2.0**-65, 2.0**-65 * (1 + 2.0**-52)),
    *(
        2.0**-11,
        1 - 2.0**-53,
        2.0**-12 - 2.0**-65,
        2.0**52 + 0.5,
        2.0**53 - 1,
        2.0**53,
        2.0**62,
        np.nextafter(LIMIT, 0),
    ),
]
NUMBERS = st.one_of(
    st.sampled_from(EDGES + [-edge for edge in EDGES]),
    st.floats(-LIMIT, LIMIT, exclude_min=True, exclude_max=True),
    st.floats(-1, 1),
    st.floats(-(2.0**-50), 2.0**-50),
)
BIG = st.integers(-(2**127), 2**127 - 1)
ANY = st.one_of(
    BIG,
    st.integers(-(2**70), 2**70),
    st.builds(lambda bit, by: (1 << bit) + by, st.integers(0, 126), st.integers(-3, 3)),
)
ENTRIES = st.lists(ANY, min_size=1, max_size=8)


def as_encoded(number: float) -> int:
    return round(Fraction(number) / UNIT)  # of a Fraction: to the nearest, ties to even


@given(st.lists(NUMBERS, min_size=1, max_size=8))
@settings(max_examples=500)
def test_encoding_is_rounded_once_to_the_nearest_multiple_ties_to_even(numbers: list[float]) -> None:
    assert integers(encode(np.array(numbers), 1)) == [as_encoded(number) for number in numbers]


@pytest.mark.parametrize("number", EDGES + [-edge for edge in EDGES])
def test_encoding_is_right_at_the_edges(number: float) -> None:
    assert integers(encode(np.array([number]), 1)) == [as_encoded(number)]


@given(ENTRIES)
@settings(max_examples=500)
def test_decoding_is_rounded_once_to_the_nearest_float_ties_to_even(entries: list[int]) -> None:
    assert decode(fixed(entries)).tolist() == [float(entry * UNIT) for entry in entries]


@pytest.mark.parametrize("bit", range(53, 126))
@pytest.mark.parametrize("odd", [0, 1])
@pytest.mark.parametrize("behind", [-1, 0, 1])
def test_decoding_decides_half_way_cases_by_what_comes_far_behind(bit: int, odd: int, behind: int) -> None:
    entry = (1 << bit) + (odd << bit - 52) + (1 << bit - 53) + behind
    for signed in (entry, -entry):
        assert decode(fixed([signed])).tolist() == [float(signed * UNIT)]


@given(st.lists(st.floats(-LIMIT, LIMIT, exclude_min=True, exclude_max=True), min_size=1, max_size=8))
def test_numbers_whose_last_bit_is_not_below_the_unit_come_back_to_the_bit(numbers: list[float]) -> None:
    numbers = [number for number in numbers if number == 0 or abs(number) >= 2.0**-12]
    values = np.array(numbers) + 0.0  # there is one zero only
    assert decode(encode(values, 1)).tobytes() == values.tobytes()


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e-6, 1e-6)), min_size=1, max_size=9), st.randoms())
def test_the_sum_of_encodings_is_the_same_to_the_bit_in_any_order_and_decodes_as_the_exact_sum(
    rows: list[tuple[float, float]], random: Random
) -> None:
    parts = [encode(np.array(row), len(rows)) for row in rows]
    summed = total(parts)
    random.shuffle(parts)
    one_by_one = parts[0]
    for part in parts[1:]:
        one_by_one = add(part, one_by_one)
    exact = [sum(map(as_encoded, column)) for column in zip(*rows, strict=True)]
    assert integers(summed) == exact
    assert to_bytes(one_by_one) == to_bytes(total(parts)) == to_bytes(summed)
    assert decode(summed).tolist() == [float(entry * UNIT) for entry in exact]


@given(st.integers(1, 8).flatmap(lambda size: st.tuples(*[st.lists(BIG, min_size=size, max_size=size)] * 2)))
def test_sums_and_differences_are_those_of_integers_mod_2_to_the_128(pair: tuple[list[int], list[int]]) -> None:
    a, b = pair
    assert to_bytes(add(fixed(a), fixed(b))) == to_bytes(fixed([x + y for x, y in zip(a, b, strict=True)]))
    assert to_bytes(subtract(fixed(a), fixed(b))) == to_bytes(fixed([x - y for x, y in zip(a, b, strict=True)]))


@given(st.lists(BIG, min_size=1, max_size=30))
def test_a_total_is_that_of_integers_mod_2_to_the_128(entries: list[int]) -> None:
    assert to_bytes(total([fixed([entry]) for entry in entries])) == to_bytes(fixed([sum(entries)]))


@given(st.lists(st.lists(BIG, min_size=3, max_size=3), min_size=2, max_size=9), st.data())
def test_a_total_of_stacks_is_that_of_their_vectors(rows: list[list[int]], data: st.DataObject) -> None:
    vectors, cut = [fixed(row) for row in rows], data.draw(st.integers(1, len(rows) - 1))
    stacks = [np.stack(vectors[:cut]), np.stack(vectors[cut:])]
    assert to_bytes(total(stacks)) == to_bytes(total(vectors))
    assert to_bytes(total([*vectors[:cut], stacks[1]])) == to_bytes(total(vectors))


@pytest.mark.parametrize("entry", [2**128 - 1, 2**64 - 1, 2**64 - 2**32, 2**32 - 1, 2**63, 1])
@pytest.mark.parametrize("count", [2, 199, 1000])
def test_a_total_of_many_carries_as_often_as_there_is_to_carry(entry: int, count: int) -> None:
    assert to_bytes(total([np.stack([fixed([entry, 0, entry])] * count)])) == to_bytes(
        fixed([count * entry, 0, count * entry])
    )


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("parts", [1, 2, 3, 7, 10, 57, 200, 1000])
def test_as_many_parts_as_said_never_wrap_however_large_they_are(parts: int, sign: int) -> None:
    refused = sign * 2.0**63 / parts
    with pytest.raises(EncodingError):
        encode(np.array([np.nextafter(refused, sign * np.inf)]), parts)
    largest = np.array([np.nextafter(refused, 0)])
    summed = total([encode(largest, parts)] * parts)
    assert integers(summed) == [parts * as_encoded(largest[0])]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), 2.0**63, -(2.0**63), 1e300])
def test_what_has_no_place_is_refused_by_its_entry_and_not_told(number: float) -> None:
    with pytest.raises(EncodingError, match="its column in a larger unit") as caught:
        encode(np.array([1.0, 2.0, number, number]), 1)
    assert caught.value.where == "entry 2, counted from 0"
    assert str(number) not in str(caught.value)
    assert "nan" not in str(caught.value)
    assert "e+" not in str(caught.value)


@given(ENTRIES)
def test_bytes_are_sixteen_an_entry_little_endian_and_read_back(entries: list[int]) -> None:
    written = to_bytes(fixed(entries))
    assert written == b"".join((entry % 2**128).to_bytes(16, "little") for entry in entries)
    assert integers(from_bytes(written)) == entries


@pytest.mark.parametrize("size", [1, 15, 17, 24])
def test_bytes_that_are_no_entries_are_refused(size: int) -> None:
    with pytest.raises(EncodingError, match=f"{size} bytes"):
        from_bytes(bytes(size))


def test_no_numbers_are_a_vector_too() -> None:
    assert to_bytes(encode(np.zeros(0), 3)) == b""
    assert decode(from_bytes(b"")).shape == (0,)


@pytest.mark.parametrize("operation", [add, subtract, lambda a, b: total([a, b])])
def test_vectors_of_two_lengths_are_not_added(operation: Callable[[Fixed, Fixed], Fixed]) -> None:
    """NumPy would repeat the single entry."""
    with pytest.raises(EncodingError, match="one length"):
        operation(fixed([1]), fixed([1, 2]))


def test_nothing_has_no_total() -> None:
    with pytest.raises(EncodingError):
        total([])
