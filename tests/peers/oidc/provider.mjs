// A certified OpenID provider on a loopback port. Its settings are the JSON in argv[2].
import * as oidc from "oidc-provider";

const settings = JSON.parse(process.argv[2]);
const common = {
  application_type: "native", // for loopback redirects, whose port then does not matter
  id_token_signed_response_alg: settings.algorithm,
  redirect_uris: settings.redirectUris,
};

// Our own clients: nobody is asked whether they may see the claims.
const policy = oidc.interactionPolicy.base();
policy.get("consent").checks.remove("native_client_prompt");

const provider = new oidc.Provider(settings.issuer, {
  jwks: { keys: settings.keys },
  clients: [
    {
      ...common,
      client_id: "floe",
      token_endpoint_auth_method: "none",
      grant_types: [
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
      ],
    },
    { ...common, client_id: "floe-web", client_secret: settings.secret },
    {
      client_id: "pipeline",
      client_secret: settings.secret,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
  ],
  clientAuthMethods: ["none", "client_secret_basic", "client_secret_post"],
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  // Claims of the granted scopes stand in the ID token, as command lines need it.
  conformIdTokenClaims: false,
  cookies: { keys: [settings.secret] },
  features: {
    // A form that asks for a user name and takes any password.
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    revocation: { enabled: true },
    // Access tokens for `urn:<audience>` are JWTs with that audience.
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: (_, resource) => ({
        scope: "",
        audience: resource.replace(/^urn:/, ""),
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: settings.algorithm } },
      }),
    },
  },
  // Like most providers for command lines, without the scope offline_access.
  issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
  ttl: {
    AccessToken: 600,
    ClientCredentials: 600,
    DeviceCode: 600,
    Grant: 600,
    IdToken: settings.idTokenSeconds,
    Interaction: 600,
    RefreshToken: 600,
    Session: 600,
  },
  findAccount: (_, id) => {
    const user = settings.users[id];
    return user && { accountId: id, claims: () => ({ sub: id, ...user }) };
  },
  interactions: { policy },
  loadExistingGrant: async (ctx) => {
    const { client, session, params } = ctx.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope(params.scope);
    await grant.save();
    return grant;
  },
});

const { hostname, port } = new URL(settings.issuer);
provider.listen(Number(port), hostname);
