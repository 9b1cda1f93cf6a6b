"""Put a written dataset on the Hugging Face hub, in a repository that is private when it is new.

The token comes from the environment, or from the hub's own log-in. What the folder's tables replace is kept in the history of
the repository. No part of this is reached unless somebody names a repository.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UploadError
from engine.exchange.hub import hint_for, words_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi

OLD_TABLES = ("data/**", "*.parquet", "*.csv")
"""Files of an earlier push, which the new ones replace."""


def hub_for(name: str) -> "HfApi":
    """The hub, to push a dataset of this name; UploadError for a name that cannot be, and where nobody is logged in."""
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise UploadError(
            f"{name!r} is not a valid dataset name for the hub.", hint="Name it as owner/name."
        ) from error
    if name.count("/") != 1:
        raise UploadError(f"{name!r} names no owner.", hint="Name the dataset as owner/name.")
    token = get_token()
    if not token:
        raise UploadError("No token of the hub is set.", hint="Set HF_TOKEN, or log in: hf auth login.")
    return HfApi(token=token)


def push_dataset(folder: Path, name: str, hub: "HfApi", *, message: str) -> str:
    """Upload the folder; returns the dataset's address. UploadError where the hub refuses or cannot be reached."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    try:
        repository = hub.create_repo(name, repo_type="dataset", private=True, exist_ok=True)
        hub.upload_folder(
            repo_id=name,
            repo_type="dataset",
            folder_path=folder,
            commit_message=message,
            delete_patterns=list(OLD_TABLES),
        )
    except HfHubHTTPError as error:
        hint = f"{hint_for(error)} The dataset is in {folder}.".strip()
        raise UploadError(f"The hub refused {name}: {words_of(error)}.", hint=hint) from error
    except (httpx2.HTTPError, OSError) as error:
        said = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise UploadError(
            f"The hub cannot be reached: {said.rstrip('.')}.", hint=f"The dataset is in {folder}."
        ) from error
    return str(repository)
