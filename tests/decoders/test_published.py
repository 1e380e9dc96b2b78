"""Names of published tensors by ours; `tests/pipeline/test_importing.py` reads checkpoints.

Modules: decoders.published
"""

from __future__ import annotations

from pipekit.decoders.published import _stored_name
from pipekit.decoders.transformer import CausalDecoder


def test_every_tensor_of_ours_has_a_name_of_theirs() -> None:
    names = [_stored_name(name) for name in CausalDecoder(10, width=4, heads=2).state_dict()]
    assert len(set(names)) == len(names)
    assert names[:2] == ["wpe.weight", "wte.weight"]
    assert {"h.3.attn.c_attn.weight", "h.0.mlp.c_proj.bias", "ln_f.bias"} <= set(names)
