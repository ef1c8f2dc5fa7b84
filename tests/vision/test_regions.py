"""Region sources: the authors' recipe written out by hand, and what a neighbour in the batch must not change."""

from __future__ import annotations

import builtins
import copy
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from PIL import Image
from torch import Tensor

from vision import VisionError, tv
from vision.proposals import Grid
from vision.regions import Caffe, Detector, Patches, RegionSource, Small
from vision.sources import region_source
from vision.tv import torchvision

BOXES = torch.tensor([[[0.0, 0.0, 1.0, 1.0], [0.1, 0.2, 0.6, 0.9], [0, 0, 0, 0]], [[0.0, 0.0, 0.5, 0.5]] * 3])
MASK = torch.tensor([[1, 1, 0], [1, 0, 0]])
SIZES = torch.tensor([[64, 48], [64, 64]])


def seen(source: RegionSource, **changes: Tensor) -> Tensor:
    torch.manual_seed(0)
    pictures = torch.randn(2, 3, 64, 64)
    pictures[0, :, 48:] = 0
    given = {"pictures": pictures, "boxes": BOXES, "mask": MASK, "sizes": SIZES, **changes}
    return source(**given)


@pytest.fixture(scope="module")
def resnet50() -> Caffe:
    torch.manual_seed(0)
    source = Caffe("resnet50", None)
    for module in source.modules():
        if isinstance(module, torchvision().ops.FrozenBatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2.0)
    return source.eval()


def test_the_authors_recipe_by_hand(resnet50: Caffe) -> None:
    """Strides moved, the last stage dilated in all its blocks, regions pooled from the fourth stage."""
    models, ops = torchvision().models, torchvision().ops
    norm = ops.FrozenBatchNorm2d
    model = models.resnet50(norm_layer=norm, replace_stride_with_dilation=[False, False, True]).eval()
    model.load_state_dict(resnet50.state_dict(), strict=False)
    for block in (model.layer2[0], model.layer3[0]):
        block.conv1.stride, block.conv2.stride = (2, 2), (1, 1)
    model.layer4[0].conv2.dilation = model.layer4[0].conv2.padding = (2, 2)
    torch.manual_seed(0)
    picture = torch.randn(1, 3, 96, 64)
    box = torch.tensor([[8.0, 16.0, 50.0, 90.0]])
    low = model.maxpool(model.relu(model.bn1(model.conv1(picture))))
    fourth = model.layer3(model.layer2(model.layer1(low)))
    expected = model.layer4(ops.roi_align(fourth, [box], 14, 1 / 16, 1, False)).mean((2, 3))
    parts = (box / torch.tensor([64.0, 96, 64, 96]))[None]
    found = resnet50(picture, parts, torch.ones(1, 1), torch.tensor([[64, 96]]))
    assert fourth.shape[2:] == (6, 4)
    torch.testing.assert_close(found[0], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("name", "width"), [("resnet18", 512), ("resnet50", 2048)])
def test_the_width_follows_the_network(name: str, width: int) -> None:
    source = Caffe(name, None)
    assert source.random
    assert source.width == width
    features = seen(source)
    assert features.shape == (2, 3, width)
    assert features[MASK == 0].abs().max() == 0
    assert source.layer4[0].conv2.dilation == (2, 2)
    assert features.isfinite().all()


def test_frozen_stages_get_no_gradient_and_the_others_do() -> None:
    source = Caffe("resnet18", None)
    seen(source).sum().backward()
    assert source.conv1.weight.grad is None
    assert source.layer1[0].conv1.weight.grad is None
    assert all(part[0].conv1.weight.grad is not None for part in (source.layer2, source.layer3, source.layer4))


def sources() -> dict[str, RegionSource]:
    torch.manual_seed(0)
    return {"caffe": Caffe("resnet18", None), "small": Small(width=24, channels=16)}


@pytest.mark.parametrize("name", ["caffe", "small"])
def test_a_region_does_not_depend_on_other_pictures_or_regions(name: str) -> None:
    source = sources()[name].eval()
    both = seen(source)
    torch.manual_seed(0)
    second = torch.randn(2, 3, 64, 64)[1:]
    alone = source(second, BOXES[1:, :1], MASK[1:, :1], SIZES[1:])
    torch.testing.assert_close(alone[0, 0], both[1, 0], atol=1e-4, rtol=1e-4)


def test_no_regions_at_all_give_zeros() -> None:
    assert seen(Small(width=24), mask=torch.zeros_like(MASK)).abs().max() == 0


def test_the_small_network_learns_from_every_region() -> None:
    source = Small(width=24, channels=16)
    seen(source)[MASK.bool()].sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in source.parameters())


@pytest.fixture(scope="module")
def patches() -> Patches:
    torch.manual_seed(0)
    return Patches("vit_b_32", None)


def test_every_tile_of_the_grid_is_one_patch(patches: Patches) -> None:
    grid = torch.from_numpy(Grid(patches.grid, patches.grid)("").corners)
    values, size = patches.prepare(Image.effect_noise((50, 80), 60).convert("RGB"))
    with torch.inference_mode():
        found = patches(values[None], grid[None], torch.ones(1, len(grid)), size[None])[0]
        whole = patches(values[None], torch.tensor([[[0.0, 0, 1, 1]]]), torch.ones(1, 1), size[None])[0, 0]
        tokens = patches.conv_proj(values[None]).flatten(2).transpose(1, 2)
        states = patches.encoder(torch.cat([patches.class_token, tokens], dim=1))[0, 1:]
    torch.testing.assert_close(found, states, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(whole, states.mean(0), atol=1e-4, rtol=1e-4)
    assert size.tolist() == [224, 224]


def test_a_frozen_source_stays_as_it_is_in_training(patches: Patches) -> None:
    assert not patches.train().training
    assert not any(weight.requires_grad for weight in patches.parameters())


def test_a_detector_gives_features_and_the_classes_of_its_own_head() -> None:
    torch.manual_seed(0)
    source = Detector("fasterrcnn_mobilenet_v3_large_320_fpn", None)
    features = seen(source)
    scores = source.class_scores(features)
    assert source.width == features.shape[-1] == 1024
    assert scores.shape == (2, 3, 91)
    torch.testing.assert_close(scores.sum(-1), torch.ones(2, 3))
    alone = source(*(part[:1] for part in (torch.zeros(2, 3, 64, 64), BOXES, MASK, SIZES)))
    assert alone.shape == (1, 3, 1024)


def test_weights_come_from_a_file_and_must_fit(tmp_path: Path) -> None:
    first = Small(width=24, channels=16)
    torch.save(first.state_dict(), tmp_path / "small.pth")
    second = Small(width=24, channels=16, weights=str(tmp_path / "small.pth"))
    assert first.random
    assert not second.random
    assert torch.equal(first.project.weight, second.project.weight)
    with pytest.raises(VisionError, match=r"small.pth do not fit the small network"):
        Small(width=48, channels=16, weights=str(tmp_path / "small.pth"))
    with pytest.raises(VisionError, match=r"do not fit resnet18: \d+ names differ, such as conv1.weight"):
        Caffe("resnet18", str(tmp_path / "small.pth"))
    (tmp_path / "bad.pth").write_bytes(b"nothing")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    for name in ("bad.pth", "bad.safetensors", "none.pth"):
        with pytest.raises(VisionError, match=f"Cannot read weights from .*{name}"):
            Small(weights=str(tmp_path / name))


def test_weights_of_torchvision_without_a_network_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(
        VisionError, match=r"Cannot download the weights IMAGENET1K_V1 of resnet18 .*no network.* Put http"
    ):
        Caffe("resnet18", "IMAGENET1K_V1")


@pytest.mark.parametrize(
    ("text", "weights", "told"),
    [
        ("resnet", "random", "no region source 'resnet'. Possible: caffe"),
        ("caffe:resnet5", "random", "no network 'resnet5' here. Did you mean 'resnet50'"),
        ("caffe:resnet18", "COCO", "resnet18 has no weights 'COCO'. Possible: IMAGENET1K_V1"),
        ("detector:ssd300_vgg16", "random", "no network 'ssd300_vgg16' here"),
        ("small", "DEFAULT", "no published weights"),
        ("small:big", "random", "no variants"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(text: str, weights: str, told: str) -> None:
    with pytest.raises(VisionError, match=told):
        region_source(text, weights)


def test_random_weights_are_said_plainly(caplog: pytest.LogCaptureFixture) -> None:
    assert region_source("small", "random").random
    assert "random: its features say nothing about pictures" in caplog.text


def test_torchvision_that_is_absent_or_does_not_match_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def failing(error: Exception) -> Any:
        def load(name: str, *rest: Any) -> Any:
            if name == "torchvision":
                raise error
            return real(name, *rest)

        return load

    for error, told in (
        (ModuleNotFoundError("No module named 'torchvision'"), "need torchvision, which is not here"),
        (
            RuntimeError("operator torchvision::nms does not exist\nmore"),
            "does not match torch .*: operator .*exist. Install",
        ),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(builtins, "__import__", failing(error))
            with pytest.raises(VisionError, match=told):
                tv.torchvision()


def test_a_copy_of_a_source_gives_the_same() -> None:
    source = sources()["caffe"].eval()
    torch.testing.assert_close(seen(copy.deepcopy(source)), seen(source))
