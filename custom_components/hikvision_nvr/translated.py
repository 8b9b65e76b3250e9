"""The recorder's errors, and words of its own, as Home Assistant shows them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations

from .const import DOMAIN
from .errors import RecorderError


def translated[E: HomeAssistantError](
    error: RecorderError, kind: Callable[..., E]
) -> E:
    """Return an exception of this kind that says what the error says.

    Every text may use ``{message}``, the error's own words in English.
    """
    return kind(
        translation_domain=DOMAIN,
        translation_key=error.key,
        translation_placeholders={"message": str(error), **error.placeholders},
    )


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn errors of the recorder into ones that the user interface shows."""
    try:
        yield
    except RecorderError as err:
        raise translated(err, HomeAssistantError) from err


async def async_common_text(hass: HomeAssistant, key: str) -> str:
    """Return a text that stands within others, in the language of the system."""
    texts = await async_get_translations(hass, hass.config.language, "common", [DOMAIN])
    return texts.get(f"component.{DOMAIN}.common.{key}", "…")
