"""Entity vectors by PyKEEN."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from class_resolver import ClassResolver
from pykeen.evaluation import RankBasedEvaluator
from pykeen.losses import Loss, loss_resolver
from pykeen.models import Model, model_resolver
from pykeen.optimizers import optimizer_resolver
from pykeen.stoppers import EarlyStopper
from pykeen.training import TrainingLoop as PykeenLoop
from pykeen.training.training_loop import NonFiniteLossError
from pykeen.triples import CoreTriplesFactory
from pykeen.utils import set_random_seed

from kg.errors import KgError, did_you_mean
from kg.factories import Factories, factories
from kg.interactions import quicken
from kg.loop import training_loop_resolver
from kg.places import whole_folder
from kg.recipe import Recipe, TrainingLoop
from kg.store import TripleStore
from kg.table import KIND, EntityTable, fill

MRR = "both.realistic.inverse_harmonic_mean_rank"
METRICS = {"mrr": MRR, **{f"hits_at_{k}": f"both.realistic.hits_at_{k}" for k in (1, 3, 10)}}
PRESETS: dict[str, dict[str, Any]] = {"transe": {"scoring_fct_norm": 2, "entity_constrainer": None}}
SCORES_AT_ONCE = 1 << 27
MANY = 50_000


def embed(store: TripleStore, out: str | Path, recipe: Recipe | None = None) -> tuple[EntityTable, dict[str, Any]]:
    """Train vectors for the entities of a graph and write them to the folder ``out``, whole or not at all.

    Args:
        store: the graph; its split ``train`` is trained on. Entities without a triple there get no vector.
        out: the folder of the entity table, with ``metrics.json``; an older table there is replaced.
        recipe: the settings.

    Returns: the table, and the metrics: filtered MRR and Hits@k on ``valid`` over heads and tails, ties at their mean
        rank; seconds and epochs.

    Raises:
        KgError: a name is unknown, the settings do not fit the model, a vector is not finite, or the folder cannot be
            written.
    """
    recipe = _decided(recipe or Recipe(), store)
    _check_names(recipe)
    with whole_folder(out, KIND) as folder, _surroundings(recipe):
        data = factories(store, recipe.inverse, recipe.valid_fraction, recipe.seed)
        start = time.perf_counter()
        model = _model(data.train, recipe)
        epochs = _fit(model, data, recipe, folder / "best.pt")
        metrics = {**_evaluate(model, data, recipe), "epochs": epochs, "seconds": round(time.perf_counter() - start, 1)}
        vectors, meta = scaled(entity_vectors(model), recipe.scale)
        source = store.notes.get("source", "")
        fill(folder, data.entities, vectors, {**meta, "source": source, "recipe": asdict(recipe), "metrics": metrics})
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return EntityTable.open(out), metrics


def entity_vectors(model: Model) -> np.ndarray:
    """The first entity representation of a PyKEEN model, complex numbers as pairs: ``[N, W] float32``.

    Where a network computes it, it is what the network says without dropout.
    """
    model.eval()
    with torch.no_grad():
        representations = cast("list[Callable[..., torch.Tensor]]", model.entity_representations)
        vectors = representations[0](indices=None).detach().cpu()
    vectors = torch.view_as_real(vectors) if vectors.is_complex() else vectors
    return vectors.flatten(1).float().numpy()


def scaled(vectors: np.ndarray, scale: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Bring ``[N, W] float32`` to the scale that layers like; `Recipe` tells the kinds.

    Returns: the vectors, and what to note in the table's meta.
    """
    if scale == "none":
        return vectors, {"scale": "none"}
    if scale == "unit":
        factor = 1.0 / max(float(vectors.std()), 1e-12)
        return vectors * np.float32(factor), {"scale": "unit", "scale_factor": factor}
    spread = np.maximum(vectors.std(axis=0), 1e-12)
    return ((vectors - vectors.mean(axis=0)) / spread).astype(np.float32), {"scale": "standard"}


def _decided(recipe: Recipe, store: TripleStore) -> Recipe:
    """Choose the training loop where the recipe leaves it open."""
    loop: TrainingLoop = "onevsall" if len(store.entities) <= MANY else "slcwa"
    return replace(recipe, training_loop=loop) if recipe.training_loop == "auto" else recipe


def _check_names(recipe: Recipe) -> None:
    resolvers: Mapping[str, ClassResolver[Any]] = {
        "model": model_resolver,
        "loss": loss_resolver,
        "optimizer": optimizer_resolver,
        "training_loop": training_loop_resolver,
    }
    for part, resolver in resolvers.items():
        name = getattr(recipe, part)
        if resolver.normalize(name) not in {*resolver.lookup_dict, *resolver.synonyms}:
            known = [known.__name__ for known in resolver.lookup_dict.values()]
            raise KgError(f"PyKEEN has no {part.replace('_', ' ')} '{name}'. {did_you_mean(name, known)}")
    if recipe.scale not in ("unit", "standard", "none"):
        raise KgError(f"There is no scale '{recipe.scale}'. {did_you_mean(recipe.scale, ('unit', 'standard', 'none'))}")


@contextmanager
def _surroundings(recipe: Recipe) -> Iterator[None]:
    """Seed everything; set the number of threads and put it back.

    PyKEEN collects garbage after each epoch, half a second for all modules there are; freezing leaves those out.
    """
    threads = torch.get_num_threads()
    set_random_seed(recipe.seed)
    torch.set_num_threads(recipe.threads or threads)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(threads)


def _model(train: CoreTriplesFactory, recipe: Recipe) -> Model:
    preset = PRESETS.get(recipe.model.casefold(), {})
    settings = {"embedding_dim": recipe.dim, **preset, **recipe.model_kwargs}
    try:
        loss: Loss = loss_resolver.make(recipe.loss, None if recipe.margin is None else {"margin": recipe.margin})
        kind = _kind(recipe.model)
        model = model_resolver.make(kind, settings, triples_factory=train, loss=loss, random_seed=recipe.seed)
    except (TypeError, ValueError, AttributeError) as error:
        fix = "See its arguments in PyKEEN's documentation, and set them in model_kwargs."
        raise KgError(
            f"{recipe.model} with loss {recipe.loss} and {settings} cannot be made: {error}. {fix}"
        ) from error
    quicken(model)
    return model.to(_device(recipe.device))


def _kind(name: str) -> str | type[Model]:
    """The model class of a name: R-GCN is ours, which works with inverse relations; the rest are PyKEEN's."""
    if model_resolver.normalize(name) != "rgcn":
        return name
    from kg.relational import Rgcn

    return Rgcn


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise KgError(f"There is no device '{name}' here: {error}. Use 'auto' or 'cpu'.") from error


def _fit(model: Model, data: Factories, recipe: Recipe, best: Path) -> int:
    """Train, keep the weights of the best evaluation, and return the number of epochs trained."""
    loop = _loop(model, data.train, recipe)
    stopper = _stopper(model, data, recipe, best)
    try:
        losses = loop.train(
            data.train,
            num_epochs=recipe.epochs,
            batch_size=min(recipe.batch_size, data.train.num_triples),
            label_smoothing=recipe.label_smoothing,
            stopper=stopper,
            use_tqdm_batch=False,
            drop_last=False,
            pin_memory=model.device.type == "cuda",
        )
    except NonFiniteLossError as error:
        raise KgError(f"The loss became NaN or infinite at lr={recipe.lr}. Train with a smaller lr.") from error
    except (NotImplementedError, TypeError, ValueError) as error:
        parts = f"{recipe.model}, loss {recipe.loss}, loop {recipe.training_loop}"
        raise KgError(
            f"PyKEEN cannot train {parts} together: {error}. Choose another loss or training loop."
        ) from error
    if best.exists():
        model.load_state_dict(torch.load(best, weights_only=True))
        best.unlink()
    return len(losses or [])


def _loop(model: Model, train: CoreTriplesFactory, recipe: Recipe) -> PykeenLoop[Any]:
    settings: dict[str, Any] = {}
    if recipe.training_loop == "slcwa":
        settings = {"negative_sampler": "basic", "negative_sampler_kwargs": {"num_negs_per_pos": recipe.negatives}}
    optimizer = optimizer_resolver.make(recipe.optimizer, params=model.get_grad_params(), lr=recipe.lr)
    if recipe.lr_decay != 1.0:
        settings["lr_scheduler"] = torch.optim.lr_scheduler.ExponentialLR(optimizer, recipe.lr_decay)
    parts = {"model": model, "triples_factory": train, "optimizer": optimizer}
    return training_loop_resolver.make(recipe.training_loop, settings, **parts)


def _stopper(model: Model, data: Factories, recipe: Recipe, best: Path) -> EarlyStopper | None:
    if data.valid is None or not recipe.evaluate_every:
        return None
    return EarlyStopper(
        model=model,
        evaluator=RankBasedEvaluator(filtered=True),
        training_triples_factory=data.train,
        evaluation_triples_factory=data.valid,
        evaluation_batch_size=_evaluation_batch(data, recipe),
        frequency=recipe.evaluate_every,
        patience=recipe.patience,
        metric=MRR,
        relative_delta=0.0,
        best_model_path=best,
        clean_up_checkpoint=False,
    )


def _evaluate(model: Model, data: Factories, recipe: Recipe) -> dict[str, Any]:
    """Filtered ranks on the held-out triples; nothing where none are held out."""
    if data.valid is None:
        return {"valid_triples": 0}
    results = RankBasedEvaluator(filtered=True).evaluate(
        model=model,
        mapped_triples=data.valid.mapped_triples,
        additional_filter_triples=[data.train.mapped_triples],
        batch_size=_evaluation_batch(data, recipe),
        use_tqdm=False,
    )
    return {name: round(results.get_metric(key), 4) for name, key in METRICS.items()} | {
        "valid_triples": data.valid.num_triples
    }


def _evaluation_batch(data: Factories, recipe: Recipe) -> int:
    """So many triples that scores against all entities fit even where a model holds ``[B, N, D]`` in memory."""
    return max(1, min(256, SCORES_AT_ONCE // (data.train.num_entities * recipe.dim)))
