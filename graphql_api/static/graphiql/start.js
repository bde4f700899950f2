// Opens GraphiQL on this server's endpoint; headers of the editor also go into the WebSocket's connection_init.
const EXAMPLE = `# Whybuy. Press Ctrl-Enter to run; the headers below name a demo shopper.
query ForYou {
  recommendations(input: { limit: 5 }) {
    items {
      rank
      score
      confidence
      product { name price { amount currencyCode } }
      reasons { kind count value product { name } }
      explanation { status text source }
    }
  }
}
`;

const url = window.location.origin + "/graphql";
const stored = window.localStorage.getItem("graphiql:headers");

function connectionParams() {
  try {
    return JSON.parse(window.localStorage.getItem("graphiql:headers") || DEFAULT_HEADERS);
  } catch {
    return {};
  }
}

const DEFAULT_HEADERS = JSON.stringify({ "X-User": "household-250" }, null, 2);

const fetcher = GraphiQL.createFetcher({
  url,
  subscriptionUrl: url.replace(/^http/, "ws"),
  wsConnectionParams: connectionParams,
});

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultQuery: EXAMPLE,
    defaultEditorToolsVisibility: "headers",
    defaultHeaders: DEFAULT_HEADERS,
    headers: stored || DEFAULT_HEADERS,
    shouldPersistHeaders: true,
    inputValueDeprecation: true,
  }),
);
