"""The head that labels vectors.

B batch, F numbers in a vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqkit.answers.labels import Classified
from seqkit.layers import Head, Loss
from seqkit.layers.head import require_targets
from seqkit.layers.label_loss import label_loss
from seqkit.topologies.class_weights import class_weight_tensor
from seqkit.topologies.one_to_one.codec import VectorBatch

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU}


class VectorHead(Head):
    """One to one: ``softmax(W_o h_n + b_o)`` with ``h_l = f(W_l h_(l-1) + b_l)`` and ``h_0`` the vector, for n layers.

    With a linear path beside the layers, ``softmax(W_o h_n + W_s h_0 + b_o)``: what logistic regression can say of the
    vector, the layers need not learn.

    Args:
        input_size: F.
        labels: their names, in the order of the outputs.
        hidden_size: units of a layer.
        num_layers: n; 0 is a linear model.
        activation: f: relu, tanh, gelu or silu.
        dropout: fraction of each layer's outputs that is dropped in training.
        noise: standard deviation of the normal noise added to the vector in training.
        label_smoothing: in training, the fraction of a target that all labels share (Szegedy et al., 2016,
            arXiv:1512.00567).
        class_weights: of the labels in the loss; None: all are 1.
        linear: whether there is a linear path beside the layers; a linear model has no other.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        input_size: int,
        labels: Sequence[str],
        hidden_size: int = 128,
        num_layers: int = 2,
        activation: str = "relu",
        dropout: float = 0.0,
        noise: float = 0.0,
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.labels, self.noise, self.label_smoothing = tuple(labels), noise, label_smoothing
        layers: list[nn.Module] = []
        for size in [input_size, *[hidden_size] * (num_layers - 1)][:num_layers]:
            layers += [nn.Linear(size, hidden_size), ACTIVATIONS[activation](), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.output = nn.Linear(hidden_size if num_layers else input_size, len(self.labels))
        self.beside = nn.Linear(input_size, len(self.labels), bias=False) if linear and num_layers else None
        if self.beside is not None:
            nn.init.zeros_(self.beside.weight)
        self.register_buffer("class_weights", class_weight_tensor(class_weights), persistent=False)

    def storeys(self) -> list[list[nn.Parameter]]:
        """The outputs, then the layers from the last to the first."""
        beside = [] if self.beside is None else [*self.beside.parameters()]
        storeys = [[*self.output.parameters(), *beside], *(list(layer.parameters()) for layer in reversed(self.layers))]
        return [storey for storey in storeys if storey]

    def forward(self, batch: VectorBatch) -> Tensor:
        """Logits (B, labels)."""
        vectors = batch.vectors
        if self.training and self.noise:
            vectors = vectors + self.noise * torch.randn_like(vectors)
        logits: Tensor = self.output(self.layers(vectors))
        return logits if self.beside is None else logits + self.beside(vectors)

    def loss(self, batch: VectorBatch) -> Loss:
        """Cross-entropy, in nats, with the weights of labels and vectors."""
        targets = require_targets(batch.targets)
        smoothing = self.label_smoothing if self.training else 0.0
        return label_loss(self(batch), targets, self.class_weights, batch.weights, smoothing)

    @torch.no_grad()
    def predict(self, batch: VectorBatch) -> list[Classified]:
        """The labels with their probabilities."""
        return [Classified.of(self.labels, row) for row in torch.softmax(self(batch), 1).tolist()]
