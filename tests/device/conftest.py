"""A device beside the CPU: one that only checks where tensors are, and a GPU where there is one."""

import pytest
import torch

from tests.device.fake import far_device


@pytest.fixture(params=["fake", "cuda"])
def device(request, monkeypatch):
    """Its name; CUDA computes in float32, as the CPU does."""
    if request.param == "fake":
        with far_device(monkeypatch) as where:
            yield str(where)
        return
    if not torch.cuda.is_available():
        pytest.skip("no CUDA")
    monkeypatch.setattr(torch.backends.cudnn.rnn, "fp32_precision", "ieee")
    monkeypatch.setattr(torch.backends.cudnn.conv, "fp32_precision", "ieee")
    monkeypatch.setattr(torch.backends.cuda.matmul, "fp32_precision", "ieee")
    yield "cuda:0"
