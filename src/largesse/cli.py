"""The command line. Commands import what they need when they run, so that each starts fast."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from largesse.kit import settings
from largesse.kit.settings import BadSetting, Settings

if TYPE_CHECKING:
    from largesse.actions.projects import FirstKeys, KeyPair

T = TypeVar("T")
app = typer.Typer(
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    help="Largesse, the promotion engine. Every option is also a LARGESSE_* variable.",
)
keys_app = typer.Typer(no_args_is_help=True, help="API keys: list, create, block, and so on.")
app.add_typer(keys_app, name="keys")
locations_app = typer.Typer(no_args_is_help=True, help="Locations: import them from a file.")
app.add_typer(locations_app, name="locations")


def _load(**given: Any) -> Settings:
    """The settings of the environment, with the options that were given over them."""
    options = {
        settings.PREFIX + name.upper(): str(value)
        for name, value in given.items()
        if value is not None
    }
    try:
        return settings.load(os.environ | options)
    except BadSetting as error:
        _fail(str(error))


def _fail(reason: str) -> NoReturn:
    typer.echo(f"largesse: {reason}", err=True)
    raise typer.Exit(1)


def _on_database(config: Settings, work: Callable[[Any], Awaitable[T]]) -> T:
    """Runs `work(connection)` in a transaction on the migrated database."""
    from largesse.kit import db, migrate
    from largesse.serve import MIGRATIONS, database

    async def run(url: str) -> T:
        connection = await db.connect(url)
        try:
            await migrate.apply(connection, MIGRATIONS)
            async with db.transaction(connection):
                return await work(connection)
        finally:
            await connection.close()

    with database(config) as (url, _):
        return asyncio.run(run(url))


# --- running ------------------------------------------------------------------------------------


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Number of web workers.")] = None,
    background: Annotated[
        bool | None,
        typer.Option("--background/--no-background", help="Run the background worker too."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of the embedded PostgreSQL and the first keys.")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="A PostgreSQL of your own, 15 or newer.")
    ] = None,
) -> None:
    """Run the server: database, web workers, background worker."""
    from largesse.serve import Refused
    from largesse.serve import serve as run

    config = _load(
        host=host,
        port=port,
        workers=workers,
        background=background,
        data_dir=data_dir,
        database_url=database_url,
    )
    try:
        run(config, _show_first_keys, sys.stdout)
    except (Refused, BadSetting) as error:
        _fail(str(error))


def _show_first_keys(keys: FirstKeys, path: Path) -> None:
    from largesse.serve import as_variables

    typer.echo("This is the first start. Your keys, shown once and kept in")
    typer.echo(f"{path} (readable by you alone):\n")
    typer.echo(as_variables(keys))


@app.command()
def worker() -> None:
    """Run a background worker of its own, beside a server started with --no-background."""
    import msgspec

    from largesse.kit import logs
    from largesse.serve import database
    from largesse.worker import run

    config = _load()
    logs.set_up(config.log_level)
    with database(config) as (url, _):
        asyncio.run(run(msgspec.structs.replace(config, database_url=url)))


@app.command()
def migrate() -> None:
    """Bring the database up to date."""
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from largesse.kit import db
    from largesse.kit import migrate as migrations
    from largesse.serve import MIGRATIONS, database

    config = _load()

    async def run(url: str) -> list[str]:
        connection = await db.connect(url)
        try:
            return await migrations.apply(connection, MIGRATIONS)
        finally:
            await connection.close()

    with Progress(SpinnerColumn(), TextColumn("{task.description}"), transient=True) as progress:
        progress.add_task("Migrating")
        with database(config) as (url, _):
            try:
                applied = asyncio.run(run(url))
            except migrations.Changed as error:
                _fail(str(error))
    typer.echo("\n".join(f"applied {name}" for name in applied) or "The database is up to date.")


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    import msgspec

    from largesse.app import document

    typer.echo(msgspec.json.format(msgspec.json.encode(document()), indent=2).decode())


@app.command()
def doctor() -> None:
    """Check that all is well: folder, database, schema, keys, background work."""
    from largesse.doctor import examine

    findings = examine(_load())
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.well else 'BAD '} {finding.what}: {finding.text}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


# --- keys ---------------------------------------------------------------------------------------

KeyId = Annotated[str, typer.Argument(help="The key's id.")]
OfProject = Annotated[
    str | None, typer.Option(help="The project; the only one unless there are several.")
]


@keys_app.command("list")
def list_keys(
    project: Annotated[str | None, typer.Option(help="Only the keys of this project.")] = None,
) -> None:
    """List keys, without their secrets."""
    from rich.console import Console
    from rich.table import Table

    from largesse.store import keys

    rows = _on_database(_load(), lambda connection: connection.fetch(keys.LIST, project))
    table = Table("id", "project", "kind", "name", "addresses", "state", "created")
    for row in rows:
        table.add_row(
            row["id"],
            row["project_id"] or "(all)",
            row["kind"],
            row["name"],
            ", ".join(row["ips"]) or "any",
            "blocked" if row["blocked"] else "active",
            f"{row['created_at']:%Y-%m-%d %H:%M}",
        )
    Console(width=None if sys.stdout.isatty() else 200).print(table)


@keys_app.command("create")
def create_key(
    kind: Annotated[str, typer.Option(help="server, client or management.")] = "server",
    project: OfProject = None,
    name: Annotated[str, typer.Option(help="A name to know it by.")] = "",
    ip: Annotated[
        list[str] | None, typer.Option(help="An address or network it may be used from; repeat.")
    ] = None,
) -> None:
    """Create a key. Its secret is shown this once."""
    from largesse.actions import projects
    from largesse.kit import auth
    from largesse.kit.clock import now
    from largesse.kit.errors import NotFound

    if kind not in auth.KEY_HEADERS:
        _fail("--kind is server, client or management")
    try:
        networks = projects.networks(ip or [])
    except ValueError as error:
        _fail(str(error))

    async def create(connection: Any) -> KeyPair:
        owner = project
        if owner is None and kind != auth.MANAGEMENT:
            owner = await _only_project(connection)
        return await projects.create_key(connection, kind, owner, name, networks, now())

    try:
        _show_pair(_on_database(_load(), create))
    except NotFound as error:
        _fail(error.details or "")


async def _only_project(connection: Any) -> str:
    from largesse.store import projects

    known = await connection.fetch(projects.LIST)
    if len(known) != 1:
        _fail(f"there are {len(known)} projects; name one with --project")
    project_id: str = known[0]["id"]
    return project_id


def _show_pair(pair: KeyPair) -> None:
    typer.echo(f"id:     {pair.app_id}\nsecret: {pair.app_token}")


def _change_key(key_id: str, statement: str, *values: object) -> None:
    async def change(connection: Any) -> Any:
        return await connection.fetchrow(statement, key_id, *values)

    if _on_database(_load(), change) is None:
        _fail(f"there is no key {key_id}")


@keys_app.command("block")
def block_key(key_id: KeyId) -> None:
    """Block a key and its tokens; they stop working within a second."""
    from largesse.store import keys

    _change_key(key_id, keys.SET_BLOCKED, True)
    typer.echo(f"blocked {key_id}")


@keys_app.command("unblock")
def unblock_key(key_id: KeyId) -> None:
    """Let a blocked key work again."""
    from largesse.store import keys

    _change_key(key_id, keys.SET_BLOCKED, False)
    typer.echo(f"unblocked {key_id}")


@keys_app.command("regenerate")
def regenerate_key(key_id: KeyId) -> None:
    """Give a key a new secret, shown this once; its tokens live on."""
    from largesse.actions import projects

    pair = _on_database(_load(), lambda connection: projects.regenerate_key(connection, key_id))
    if pair is None:
        _fail(f"there is no key {key_id}")
    _show_pair(pair)


@keys_app.command("delete")
def delete_key(key_id: KeyId) -> None:
    """Delete a key and its tokens; they stop working within a second."""
    from largesse.actions import projects

    if not _on_database(_load(), lambda connection: projects.delete_key(connection, key_id)):
        _fail(f"there is no key {key_id}")
    typer.echo(f"deleted {key_id}")


# --- locations ----------------------------------------------------------------------------------


@locations_app.command("import")
def import_locations(
    file: Annotated[Path, typer.Argument(help="A .geojson, .json or .csv file.")],
    project: OfProject = None,
) -> None:
    """Create locations from a GeoJSON or CSV file; those with known names are replaced.

    GeoJSON: Polygons, MultiPolygons, and Points with a property radius such as "2 km"; the name is
    the property name, or else the feature's id. CSV: the columns are name, latitude, longitude and
    radius, or name and geojson. A file with a flaw is refused whole.
    """
    from largesse.actions import locations
    from largesse.kit.clock import now, now_ms
    from largesse.kit.errors import Problem
    from largesse.kit.ids import Ids
    from largesse.store import projects
    from largesse.store.context import Context

    config = _load()
    try:
        content = file.read_bytes()
    except OSError as error:
        _fail(f"{file} cannot be read: {error.strerror}")

    async def create(connection: Any) -> locations.Counts:
        owner = await _only_project(connection) if project is None else project
        found = await projects.get(connection, owner)
        if found is None:
            _fail(f"Cannot find project with id {owner}")
        ids = Ids(now_ms)
        ctx = Context(
            connection,
            ids=ids,
            now=now(),
            project=found,
            principal=None,
            request_id=ids.new("w-"),
            settings=config,
        )
        return await locations.import_file(ctx, file.name, content)

    try:
        counts = _on_database(config, create)
    except Problem as error:
        _fail(error.details or error.message)
    typer.echo(f"created {counts.created}, replaced {counts.replaced}")


def main() -> None:
    try:
        app()
    except Exception as error:
        from largesse.kit.db import ConnectionFailed
        from largesse.kit.postgres import BadFolder

        if not isinstance(error, (ConnectionFailed, BadFolder)):
            raise
        typer.echo(f"largesse: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
