"""The paper form: one PDF/A-3 with the document attached and two QR codes printed."""

from registry.paper.compose import compose
from registry.paper.model import Field, Label, PaperInput
from registry.paper.render import render_pdf

__all__ = ["Field", "Label", "PaperInput", "compose", "render_pdf"]
