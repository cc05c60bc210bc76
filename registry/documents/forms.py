"""What an artefact is; apart from the tables, so that signing needs no database."""

from enum import StrEnum


class ArtefactForm(StrEnum):
    """What an artefact is; a padding leaf has no text and belongs to no document."""

    SD_JWT = "sd-jwt"
    CARD = "card"
    PADDING = "padding"
