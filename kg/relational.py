"""Entity vectors that carry their neighbourhood: a relational graph neural network by PyG inside a PyKEEN model."""

from __future__ import annotations

from typing import Any

import torch
from pykeen.models import ERModel
from pykeen.nn.pyg import TypedMessagePassingRepresentation
from pykeen.triples import CoreTriplesFactory
from torch import Tensor, nn
from torch_geometric.nn import RGCNConv
from torch_geometric.utils import dropout_edge

from kg.errors import KgError


class Neighbourhoods(TypedMessagePassingRepresentation):
    """An embedding of each entity, enriched by messages along the typed edges of the training triples.

    One pass over the graph serves all look-ups until the weights change, a gradient is taken, or training turns into
    evaluation and back. Dropped edges keep an entity from reading in its messages the very triple it is asked for.
    """

    def __init__(
        self,
        triples_factory: CoreTriplesFactory,
        dim: int,
        layers: int,
        blocks: int,
        dropout: float,
        edge_dropout: float,
    ) -> None:
        """Build ``layers`` of `torch_geometric.nn.RGCNConv`; `Rgcn` tells the settings.

        Args:
            triples_factory: the training triples; messages flow along them and, by relations of their own, back.
        """
        edges = _both_ways(triples_factory)
        shape = {"in_channels": dim, "out_channels": dim, "num_relations": edges.num_relations}
        super().__init__(
            triples_factory=edges,
            layers=[RGCNConv] * layers,
            layers_kwargs={**shape, "num_blocks": blocks, "root_weight": False},
            base_kwargs={"shape": dim, "initializer": "xavier_normal"},
            activations=[nn.Tanh] * layers,
            unique=False,
        )
        self.input_dropout, self.edge_dropout = nn.Dropout(dropout), edge_dropout
        self._encoded: Tensor | None = None

    def pass_messages(self, x: Tensor, edge_index: Tensor, edge_mask: Tensor | None = None) -> Tensor:
        """Add to each vector what its neighbours say.

        Args:
            x: ``[N, D]`` float.
            edge_index: ``[2, E]`` int64.
            edge_mask: the edges that ``edge_index`` holds, of all; all where None.

        Returns: ``[N, D]`` float.
        """
        kinds = self._get_edge_type(edge_mask)
        edge_index, kept = dropout_edge(edge_index, self.edge_dropout, training=self.training)
        for layer, activation in zip(self.layers, self.activations, strict=True):
            x = x + activation(layer(self.input_dropout(x), edge_index, kinds[kept]))
        return x

    def _plain_forward(self, indices: Tensor | None = None) -> Tensor:
        if self._encoded is None or self._encoded.requires_grad != torch.is_grad_enabled():
            self._encoded = super()._plain_forward()
            if self._encoded.requires_grad:
                self._encoded.register_hook(self._forget)
        return self._encoded if indices is None else self._encoded[indices]

    def post_parameter_update(self) -> None:
        """Forget the vectors of the old weights."""
        super().post_parameter_update()
        self._forget()

    def train(self, mode: bool = True) -> Neighbourhoods:
        """Switch dropout, and forget the vectors that were computed with the other setting or older weights."""
        self._forget()
        return super().train(mode)

    def _forget(self, _: Tensor | None = None) -> None:
        self._encoded = None


class Rgcn(ERModel[Tensor, Tensor, Tensor]):
    """R-GCN: a graph network encodes the entities, a simple interaction scores triples (Schlichtkrull et al., 2018).

    Unlike in the paper each layer adds to its input, so that an entity without neighbours keeps its embedding, and a
    relation is scored in both directions with a vector for each.
    """

    def __init__(
        self,
        *,
        triples_factory: CoreTriplesFactory,
        embedding_dim: int = 100,
        layers: int = 1,
        blocks: int = 4,
        dropout: float = 0.4,
        edge_dropout: float = 0.4,
        interaction: str = "distmult",
        interaction_kwargs: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        """Build encoder and interaction.

        Args:
            triples_factory: the training triples.
            embedding_dim: D, the width of all vectors.
            layers: so many triples far an entity sees.
            blocks: the matrix of a relation has so many blocks on its diagonal, and zeros elsewhere.
            dropout: on the input of each layer.
            edge_dropout: the part of the edges that each step of the training leaves out.
            interaction: of PyKEEN, by name, with one vector for an entity and one for a relation.
            interaction_kwargs: its arguments.
            settings: of `pykeen.models.ERModel`.

        Raises:
            KgError: there is no layer, or the blocks do not divide the width.
        """
        if layers < 1 or blocks < 1 or embedding_dim % blocks:
            fix = "Give at least one layer, and blocks that divide dim, by model_kwargs."
            raise KgError(f"R-GCN cannot have layers={layers} and blocks={blocks} with dim={embedding_dim}. {fix}")
        super().__init__(
            triples_factory=triples_factory,
            interaction=interaction,
            interaction_kwargs=interaction_kwargs,
            entity_representations=Neighbourhoods(
                triples_factory, embedding_dim, layers, blocks, dropout, edge_dropout
            ),
            relation_representations_kwargs={"shape": embedding_dim, "initializer": "xavier_normal"},
            **settings,
        )


def _both_ways(factory: CoreTriplesFactory) -> CoreTriplesFactory:
    """The triples and, as relations of their own, the way back."""
    triples, relations = factory.mapped_triples, factory.real_num_relations
    back = triples.flip(1) + torch.tensor([0, relations, 0])
    return CoreTriplesFactory(
        mapped_triples=torch.cat([triples, back]), num_entities=factory.num_entities, num_relations=2 * relations
    )
