"""Pictures as people have them: turned, grey, transparent, tiny, broken; and what a network gets."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vision import VisionError
from vision.pictures import CAFFE, CENTRED, IMAGENET, opened, pixels, resized, squared


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA", "RGBA", "RGB"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    ending = "jpg" if mode == "CMYK" else "png"
    path = saved(tmp_path / f"a.{ending}", Image.new("RGB", (5, 3), "white").convert(mode))
    image = opened(path)
    assert (image.mode, image.size) == ("RGB", (5, 3))
    assert np.asarray(image).min() > 250


def test_sixteen_bits_of_grey_keep_their_brightness(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(np.full((2, 2), 128 << 8, np.uint16)))
    assert np.asarray(opened(path)).tolist() == [[[128] * 3] * 2] * 2


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("RGBA", (2, 2), (255, 0, 0, 0)))
    assert opened(path).getpixel((0, 0)) == (255, 255, 255)


def test_a_turned_photograph_is_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 2), "black")
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned = opened(saved(tmp_path / "a.png", image, exif=exif))
    assert turned.size == (2, 4)
    assert turned.getpixel((1, 0)) == (255, 255, 255)


def test_a_picture_of_one_pixel_can_be_prepared(tmp_path: Path) -> None:
    image = opened(saved(tmp_path / "a.png", Image.new("RGB", (1, 1), "red")))
    values, size = pixels(resized(image, 600, 1000))
    assert values.shape == (3, 600, 600)
    assert size.tolist() == [600, 600]


def test_pictures_inside_an_archive_or_beside_it(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("RGB", (2, 1), "blue").save(content, "PNG")
    with zipfile.ZipFile(tmp_path / "train_image.zip", "w") as archive:
        archive.writestr("sub/a.png", content.getvalue())
    assert opened(f"{tmp_path}/train_image.zip@/sub/a.png").size == (2, 1)
    (tmp_path / "val_image").mkdir()
    (tmp_path / "val_image" / "b.png").write_bytes(content.getvalue())
    assert opened(f"{tmp_path}/val_image.0.zip@/b.png").size == (2, 1)
    with pytest.raises(VisionError, match="no 'c.png' inside .*train_image.zip"):
        opened(f"{tmp_path}/train_image.zip@/c.png")


def test_broken_files_are_one_error_with_their_path(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.png", Image.effect_noise((40, 40), 50).convert("RGB")).read_bytes()
    photograph = saved(tmp_path / "a.jpg", Image.effect_noise((40, 40), 50).convert("RGB")).read_bytes()
    broken = {"cut.png": whole[:200], "cut.jpg": photograph[:400], "empty.png": b"", "text.jpg": b"no picture"}
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(VisionError, match=rf"{name} is no picture that can be read, or a damaged one"):
            opened(tmp_path / name)
    with pytest.raises(VisionError, match=r"Cannot read .*none.png"):
        opened(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("size", "expected"),
    [((640, 480), (800, 600)), ((2000, 500), (1000, 250)), ((3, 1000), (3, 1000)), ((60, 60), (600, 600))],
)
def test_the_short_side_is_600_unless_the_long_one_passes_1000(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert resized(Image.new("RGB", size), 600, 1000).size == expected
    assert squared(Image.new("RGB", size), 32).size == (32, 32)


def test_the_three_normalisations_by_hand() -> None:
    image = Image.new("RGB", (1, 1), (255, 0, 51))
    for normalisation, expected in (
        (IMAGENET, [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]),
        (CAFFE, [51 - 102.9801, -115.9465, 255 - 122.7717]),
        (CENTRED, [1.0, -1.0, -0.6]),
    ):
        values, size = pixels(image, normalisation)
        assert values.dtype == torch.float32
        assert values[:, 0, 0].tolist() == pytest.approx(expected, abs=1e-4)
        assert size.tolist() == [1, 1]
