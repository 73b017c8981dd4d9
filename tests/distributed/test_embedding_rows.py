import pytest
import torch
from torch import nn

from seqkit.training.embedding_rows import EmbeddingRows
from seqkit.training.trees import add_lists


def gradients(rows, sparse=True, seed=0):
    """Of two embeddings (9, 2) and (5, 3) and a matrix between them, of a loss that reads these rows of the first."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(rows), 2, generator=generator)
    first = torch.sparse_coo_tensor(
        torch.tensor([rows], dtype=torch.int64), values, (9, 2), check_invariants=True
    ).coalesce()
    second = torch.sparse_coo_tensor(
        torch.tensor([[4]]), torch.randn(1, 3, generator=generator), (5, 3), check_invariants=True
    ).coalesce()
    matrix = torch.randn(3, 2, generator=generator)
    return [first if sparse else first.to_dense(), matrix, second]


def dense(tensors):
    return [each.to_dense() if each.is_sparse else each for each in tensors]


PARAMETERS = [nn.Parameter(torch.zeros(size)) for size in ((9, 2), (3, 2), (5, 3))]


@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])
@pytest.mark.parametrize(("mine", "theirs"), [([1, 4, 7], [0, 4]), ([8], [8]), ([0, 3], [])])
def test_what_travels_is_the_rows_that_a_process_read_and_the_sum_is_that_of_whole_gradients(sparse, mine, theirs):
    first, second = gradients(mine, sparse), gradients(theirs, seed=1)
    packers = [EmbeddingRows(PARAMETERS, [0, 2]) for _ in range(2)]
    read = torch.stack([packer.read([each]) for packer, each in zip(packers, (first, second), strict=True)])
    for packer in packers:
        packer.agree(read)
    vectors = [packer.pack(each) for packer, each in zip(packers, (first, second), strict=True)]
    assert len(vectors[0]) == len(vectors[1]) == 2 * len({*mine, *theirs}) + 6 + 3
    found = packers[0].unpack(vectors[0] + vectors[1], first)
    assert all(torch.equal(*pair) for pair in zip(found, add_lists(dense(first), dense(second)), strict=True))


def test_rows_with_numbers_that_are_not_finite_travel():
    tensors = dense(gradients([2]))
    tensors[0][6, 1] = torch.nan
    packer = EmbeddingRows(PARAMETERS, [0, 2])
    packer.agree(packer.read([tensors]).unsqueeze(0))
    assert packer.unpack(packer.pack(tensors), tensors)[0][6, 1].isnan()


def test_a_model_without_embeddings_travels_whole():
    tensors = dense(gradients([2]))
    packer = EmbeddingRows(PARAMETERS, [])
    packer.agree(packer.read([tensors]).unsqueeze(0))
    assert all(torch.equal(*pair) for pair in zip(packer.unpack(packer.pack(tensors), tensors), tensors, strict=True))
