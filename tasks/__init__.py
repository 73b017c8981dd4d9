"""Task heads. Each file here is one task, found by its presence; its public names can be imported from here, too."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqkit.plugins import source_files

if TYPE_CHECKING:
    # What editors and type checkers see of the names below; a task works without a line here.
    from .caption import CaptionConfig as CaptionConfig
    from .caption import CaptionHead as CaptionHead
    from .charlm import CharLMConfig as CharLMConfig
    from .charlm import CharLMHead as CharLMHead
    from .digit import DigitConfig as DigitConfig
    from .digit import VectorHead as VectorHead
    from .frames import FrameConfig as FrameConfig
    from .frames import FrameHead as FrameHead
    from .g2p import G2PConfig as G2PConfig
    from .sentiment import SentimentConfig as SentimentConfig
    from .sentiment import SentimentHead as SentimentHead
    from .tag import TagConfig as TagConfig
    from .tag import TaggingHead as TaggingHead
    from .text import ClassificationHead as ClassificationHead
    from .text import LabelSetHead as LabelSetHead
    from .text import NumberHead as NumberHead
    from .text import TextConfig as TextConfig
    from .translate import TranslateConfig as TranslateConfig
    from .translate import TranslationHead as TranslationHead


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        for path in source_files(__name__):
            module = import_module(f"{__name__}.{path.stem}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
