"""The one place where torchvision is imported."""

from __future__ import annotations

from types import ModuleType

import torch

from vision.errors import VisionError

INSTALL = "Install the two together: pip install --upgrade torch torchvision"


def torchvision() -> ModuleType:
    """torchvision, with its compiled operators.

    Raises:
        VisionError: it is not installed, or was built for another torch.
    """
    try:
        import torchvision as found
        from torchvision.extension import _assert_has_ops

        _assert_has_ops()
    except ModuleNotFoundError as error:
        raise VisionError(f"Region features need torchvision, which is not here ({error}). {INSTALL}") from error
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise VisionError(f"torchvision does not match torch {torch.__version__}: {reason}. {INSTALL}") from error
    return found
