"""Options of a recorder: its recordings, and S3 where it is used."""

import asyncio
import re
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.const import CONF_CURRENCY
import voluptuous as vol

from .const import CONF_LOCK_DAYS, CONF_S3, CONF_UPLOAD_LIMIT
from .errors import OffsiteError
from .forms import MEDIA_FORM, PRICES_FORM, UPKEEP_FORM, UPLOADS_FORM, stripped
from .offsite import probe_bucket
from .recording_settings import RECORDINGS_FORM
from .settings import parse_upload_limits, s3_settings

_CURRENCY: Final = re.compile(r"[A-Z]{3}")
"""ISO 4217."""


class RecorderOptionsFlow(OptionsFlow):
    """Asks for the options of a recorder."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what to change."""
        options = ["recordings", "media"]
        if self.config_entry.data.get(CONF_S3):
            options += ["uploads", "upkeep", "prices"]
        return self.async_show_menu(step_id="init", menu_options=options)

    async def async_step_recordings(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how long recordings are kept."""
        return self._ask("recordings", RECORDINGS_FORM, user_input)

    async def async_step_media(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how the media browser lists captures and recordings."""
        return self._ask("media", MEDIA_FORM, user_input)

    async def async_step_upkeep(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what is done by itself."""
        return self._ask("upkeep", UPKEEP_FORM, user_input)

    async def async_step_uploads(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how captures are uploaded."""
        options = self.config_entry.options
        errors: dict[str, str] = {}
        if user_input is not None:
            entered = stripped(user_input)
            try:
                parse_upload_limits(entered[CONF_UPLOAD_LIMIT])
            except ValueError:
                errors[CONF_UPLOAD_LIMIT] = "invalid_upload_limit"
            if not errors and entered[CONF_LOCK_DAYS]:
                errors |= await self._async_check_lock()
            if not errors:
                return self.async_create_entry(data={**options, **entered})
        return self.async_show_form(
            step_id="uploads",
            data_schema=self.add_suggested_values_to_schema(
                UPLOADS_FORM, options if user_input is None else user_input
            ),
            errors=errors,
        )

    async def _async_check_lock(self) -> dict[str, str]:
        """Ask the bucket whether objects in it can be locked."""
        settings = s3_settings(self.config_entry.data[CONF_S3])
        try:
            # On a loop of its own: the S3 library reads its models from disk.
            found = await self.hass.async_add_executor_job(
                lambda: asyncio.run(probe_bucket(settings))
            )
        except OffsiteError as err:
            return {"base": err.key}
        # A key that may not ask does not know; the recorder tells if it is refused.
        if found.object_lock is False:
            return {CONF_LOCK_DAYS: "object_lock_missing"}
        return {}

    async def async_step_prices(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the price table of the S3 service."""
        options = self.config_entry.options
        errors: dict[str, str] = {}
        if user_input is not None:
            entered = stripped(user_input)
            entered[CONF_CURRENCY] = entered[CONF_CURRENCY].upper()
            if _CURRENCY.fullmatch(entered[CONF_CURRENCY]):
                return self.async_create_entry(data={**options, **entered})
            errors[CONF_CURRENCY] = "invalid_currency"
        return self.async_show_form(
            step_id="prices",
            data_schema=self.add_suggested_values_to_schema(
                PRICES_FORM, options if user_input is None else user_input
            ),
            errors=errors,
        )

    def _ask(
        self, step_id: str, form: vol.Schema, user_input: dict[str, Any] | None
    ) -> ConfigFlowResult:
        """Ask for options that need no check, and keep them."""
        options = self.config_entry.options
        if user_input is not None:
            return self.async_create_entry(data={**options, **user_input})
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(form, options),
        )
