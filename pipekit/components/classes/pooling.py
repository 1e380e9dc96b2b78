"""Pooling: many rows as one row for each owner, such as the tokens of a document.

Rows of an owner need not stand together: `owners` int64[rows] has the number of each row's owner,
and `size` is the number of owners. An owner without rows has zeros.
"""

from __future__ import annotations

from torch import Tensor

_LOWEST = -1e4  # below all logits


def pool_attention(
    values: Tensor,  # float[rows, width]
    logits: Tensor,  # float[rows, heads]
    owners: Tensor,
    size: int,
) -> Tensor:
    """Weighted means of the rows of each owner, one for each head, float32[size, heads * width].

    The weights are the softmax of the logits over the rows of an owner.
    """
    logits = logits.float()
    heads = logits.shape[1]
    spread = owners[:, None].expand_as(logits)
    # The highest logit of each owner is subtracted, so that no power overflows.
    lowest = logits.new_full((size, heads), _LOWEST)
    highest = lowest.scatter_reduce(0, spread, logits.detach(), "amax")
    powers = (logits - highest[owners]).exp()  # (rows, heads)
    totals = powers.new_zeros(size, heads).index_add(0, owners, powers)
    weights = powers / totals[owners]
    columns = values.float()[:, None, :]  # (rows, 1, width)
    weighted = weights[:, :, None] * columns  # (rows, heads, width)
    weighted = weighted.flatten(1)
    zeros = weighted.new_zeros(size, weighted.shape[1])
    return zeros.index_add(0, owners, weighted)


def pool_mean(
    values: Tensor,  # float[rows, width]
    owners: Tensor,
    size: int,
) -> Tensor:
    """The mean of the rows of each owner, float32[size, width]."""
    equal = values.new_zeros(len(values), 1)
    return pool_attention(values, equal, owners, size)


def pool_max(
    values: Tensor,  # float[rows, width]
    owners: Tensor,
    size: int,
) -> Tensor:
    """The maximum of each column over the rows of each owner, float32[size, width]."""
    values = values.float()
    spread = owners[:, None].expand_as(values)
    zeros = values.new_zeros(size, values.shape[1])
    return zeros.scatter_reduce(0, spread, values, "amax", include_self=False)
