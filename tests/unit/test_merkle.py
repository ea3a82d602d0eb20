"""A path proves a sum to the site whose answer it starts from, and nothing else: whatever is forged, somebody sees it."""

import hashlib
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import EncodingError, ProofError
from shared.masking.encoding import Fixed, add, to_bytes, total
from shared.masking.merkle import Node, Path, Tree, recomputed_root, verify
from tests.unit.masked_sites import fixed

LENGTH = 3
ONE = fixed([1, 0, 0])
ANSWERS = st.integers(1, 20).flatmap(
    lambda count: st.lists(
        st.lists(st.integers(0, 2**128 - 1), min_size=LENGTH, max_size=LENGTH).map(fixed),
        min_size=count,
        max_size=count,
    )
)
Place = tuple[list[Fixed], int]
PLACES = st.tuples(ANSWERS, st.integers(0, 2**20)).map(lambda drawn: (drawn[0], drawn[1] % len(drawn[0])))


def proves(path: Path, index: int, count: int, own: Fixed, announced: Node) -> bool:
    try:
        verify(path, index, count, own, announced)
    except ProofError:
        return False
    return True


def forged(node: Node) -> tuple[Node, Node]:
    """Another sum, and another hash."""
    return replace(node, sum_bytes=to_bytes(add(node.sum, ONE))), replace(node, hash=bytes(31) + b"\1")


def drawn(count: int) -> list[Fixed]:
    return list(np.random.default_rng(count).integers(0, 2**64, (count, LENGTH, 2), np.uint64))


@given(ANSWERS)
def test_every_site_verifies_the_sum_of_all_answers(answers: list[Fixed]) -> None:
    tree = Tree.of(answers)
    assert tree.root.sum_bytes == to_bytes(total(answers))
    assert all(proves(tree.path(i), i, len(answers), own, tree.root) for i, own in enumerate(answers))


@given(PLACES)
def test_a_forged_total_or_root_hash_fails(drawn: Place) -> None:
    answers, index = drawn
    tree = Tree.of(answers)
    for root in forged(tree.root):
        assert not proves(tree.path(index), index, len(answers), answers[index], root)


@given(PLACES)
def test_a_forged_sibling_sum_or_hash_fails(drawn: Place) -> None:
    answers, index = drawn
    tree = Tree.of(answers)
    siblings = tree.path(index).siblings
    for at, sibling in enumerate(siblings):
        for other in forged(sibling):
            path = Path((*siblings[:at], other, *siblings[at + 1 :]))
            assert not proves(path, index, len(answers), answers[index], tree.root)


@given(PLACES)
def test_a_forged_leaf_fails(drawn: Place) -> None:
    answers, index = drawn
    tree = Tree.of(answers)
    assert not proves(tree.path(index), index, len(answers), add(answers[index], ONE), tree.root)


@given(PLACES, st.integers(-1, 25))
def test_another_index_fails(drawn: Place, other: int) -> None:
    answers, index = drawn
    tree = Tree.of(answers)
    assert proves(tree.path(index), other, len(answers), answers[index], tree.root) == (other == index)


@given(PLACES, st.integers(0, 25))
def test_another_count_fails_even_where_the_path_has_the_same_shape(drawn: Place, other: int) -> None:
    answers, index = drawn
    tree = Tree.of(answers)
    assert proves(tree.path(index), index, other, answers[index], tree.root) == (other == len(answers))


@given(PLACES)
def test_a_path_of_another_length_fails(drawn: Place) -> None:
    answers, index = drawn
    tree = Tree.of(answers)
    siblings = tree.path(index).siblings
    for path in (Path(siblings[1:]), Path((*siblings, tree.root))):
        assert proves(path, index, len(answers), answers[index], tree.root) == (path.siblings == siblings)


@given(ANSWERS, st.data())
def test_a_sum_forged_anywhere_in_an_otherwise_consistent_tree_fails_for_a_site(
    answers: list[Fixed], data: st.DataObject
) -> None:
    """The leaves are as the sites sent them. A node's sum is raised, and everything above is computed from it."""
    levels = [list(level) for level in Tree.of(answers).levels]
    at = data.draw(st.integers(0, len(levels) - 1))
    place = data.draw(st.integers(0, len(levels[at]) - 1))
    levels[at][place] = forged(levels[at][place])[0]
    for level in range(at, len(levels) - 1):
        levels[level + 1] = [rehashed(levels[level][i : i + 2]) for i in range(0, len(levels[level]), 2)]
    tree = Tree(tuple(map(tuple, levels)))
    assert tree.root.sum_bytes == to_bytes(add(total(answers), ONE))
    seen = [i for i, own in enumerate(answers) if not proves(tree.path(i), i, len(answers), own, tree.root)]
    assert set(below(at, place, len(answers))) <= set(seen)
    assert seen


def below(level: int, place: int, count: int) -> range:
    """The leaves under a node."""
    return range(place << level, min((place + 1) << level, count))


def rehashed(pair: list[Node]) -> Node:
    """The parent as the format says it is."""
    if len(pair) == 1:
        return pair[0]
    left, right = pair
    digest = hashlib.sha256(b"\1" + left.hash + right.hash + left.sum_bytes + right.sum_bytes).digest()
    return Node(digest, to_bytes(add(left.sum, right.sum)))


@given(PLACES)
def test_an_answer_that_is_changed_or_replaced_by_its_neighbours_fails_for_its_site(drawn: Place) -> None:
    answers, index = drawn
    for other in (add(answers[index], ONE), answers[index - 1]):
        tree = Tree.of([*answers[:index], other, *answers[index + 1 :]])
        same = to_bytes(other) == to_bytes(answers[index])
        assert proves(tree.path(index), index, len(answers), answers[index], tree.root) == same


def test_hashes_are_those_of_the_format() -> None:
    a, b, c = (fixed([n, -n, n << 70]) for n in (1, 2, 3))
    leaves = [hashlib.sha256(b"\0" + struct.pack("<Q", i) + to_bytes(y)).digest() for i, y in enumerate((a, b, c))]
    pair = rehashed([Node(leaves[0], to_bytes(a)), Node(leaves[1], to_bytes(b))])
    top = rehashed([pair, Node(leaves[2], to_bytes(c))])
    root = hashlib.sha256(b"\2" + struct.pack("<Q", 3) + top.hash + top.sum_bytes).digest()
    assert Tree.of((a, b, c)).root == Node(root, to_bytes(total((a, b, c))))
    assert Tree.of((a, b, c)).path(2) == Path((pair,)), "the odd leaf is promoted"


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 20])
def test_paths_and_roots_read_back_from_their_bytes(count: int) -> None:
    tree = Tree.of(drawn(count))
    written = tree.root.to_bytes()
    assert len(written) == 32 + 16 * LENGTH
    assert Node.from_bytes(written, LENGTH) == tree.root
    for index in range(count):
        path = tree.path(index)
        assert Path.from_bytes(path.to_bytes(), LENGTH) == path


@pytest.mark.parametrize("change", [-48, -1, 1, 16])
def test_bytes_of_another_length_are_refused(change: int) -> None:
    tree = Tree.of(drawn(4))
    for node, written in ((Node, tree.root.to_bytes()), (Path, tree.path(0).to_bytes())):
        cut = written[:change] if change < 0 else written + bytes(change)
        with pytest.raises(ProofError, match=r"bytes instead of 80"):
            node.from_bytes(cut, LENGTH)


def test_a_path_with_sums_of_another_length_is_refused() -> None:
    wide = Tree.of([fixed([1, 2, 3, 4])] * 2)
    with pytest.raises(ProofError, match="does not fit"):
        recomputed_root(wide.path(0), 0, 2, fixed([1, 2, 3]))


def test_answers_of_two_lengths_or_none_have_no_tree() -> None:
    for answers in ([], [fixed([1]), fixed([1, 2])]):
        with pytest.raises(ProofError, match="one length"):
            Tree.of(answers)


def test_sums_whose_bytes_are_no_entries_are_refused() -> None:
    with pytest.raises(EncodingError):
        _ = Node(bytes(32), bytes(17)).sum
