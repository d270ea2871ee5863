"""The operator of a local command, and their rights."""

from contextlib import closing

from engine.bootstrap.engine import open_engine
from engine.bootstrap.identity import directory_of, local_operator, token_verifier
from engine.config import Config
from engine.platform import approvable, promotable
from engine.responses.whoami import RightsResponse, WhoamiResponse


def local_whoami(config: Config, trace_id: str, token: str | None = None) -> WhoamiResponse:
    """
    Resolve the operator of a command, or the holder of `token`.

    Raises AuthorizationError for a token that no entry of `identity.oidc` admits.
    """
    with open_engine(config) as engine:
        if token is None:
            operator = local_operator(config, engine)
        else:
            with closing(token_verifier(config.identity.oidc)) as verifier:
                operator = directory_of(config).operator(verifier.claims(token))
        rights = RightsResponse(
            product=config.product or None,
            promote=promotable(engine, operator),
            approve=approvable(engine, operator),
        )
    return WhoamiResponse.of(operator, [rights], trace_id)
