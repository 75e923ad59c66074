// A dashboard's file, drawn by the components that Grafana publishes.
import { ThemeContext, createTheme, dateTime } from "@grafana/data";
import { GlobalStyles, PanelChrome, PortalContainer } from "@grafana/ui";
import React from "react";
import { createRoot } from "react-dom/client";
import { framesOf, marksOf, rangeOf } from "./asking";
import { Body } from "./panels";

const { shown, dashboard } = window;
const [WIDTH, ROW, HEAD] = [1600, 38, 44];
const UNIT = WIDTH / 24;
const theme = createTheme({ colors: { mode: shown.mode } });

class Guard extends React.Component {
  state = {};
  static getDerivedStateFromError(error) {
    return { error };
  }
  render() {
    return this.state.error ? <Wrong error={this.state.error} /> : this.props.children;
  }
}

function Wrong({ error }) {
  // Whoever has the picture drawn looks for this.
  console.error(`cannot be drawn: ${error.message}`);
  return <pre style={{ color: "red", whiteSpace: "pre-wrap" }}>{error.stack}</pre>;
}

async function drawn(panel, marks) {
  const { x, y, w, h } = panel.gridPos;
  const box = {
    position: "absolute",
    left: x * UNIT + 4,
    top: HEAD + y * ROW + 4,
    width: w * UNIT - 8,
    height: h * ROW - 8,
  };
  if (panel.type === "row")
    return (
      <div key={panel.id} style={{ ...box, fontSize: 16, fontWeight: 500, padding: "4px 8px" }}>
        ⌄ {panel.title}
      </div>
    );
  const { from, to } = rangeOf(panel, shown);
  const range = { from: dateTime(from * 1000), to: dateTime(to * 1000) };
  let inside;
  try {
    const frames = await framesOf(panel, shown, theme, box.width);
    inside = (width, height) => (
      <Guard>
        <Body {...{ panel, frames, width, height, theme, marks }} timeRange={{ ...range, raw: range }} />
      </Guard>
    );
  } catch (error) {
    inside = () => <Wrong error={error} />;
  }
  const today = panel.timeFrom && (
    <span style={{ color: theme.colors.text.secondary }}>{panel.timeFrom === "now/d" ? "Today" : panel.timeFrom}</span>
  );
  return (
    <div key={panel.id} style={box}>
      <PanelChrome
        title={panel.title}
        description={panel.description}
        titleItems={today}
        width={box.width}
        height={box.height}
      >
        {inside}
      </PanelChrome>
    </div>
  );
}

async function main() {
  // Texts are measured before they are drawn, to be as large as fits.
  await Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 20px Inter`)));
  const annotations = (dashboard.annotations?.list ?? []).filter((one) => one.expr && one.enable !== false);
  const marks = (await Promise.all(annotations.map((one) => marksOf(one, shown)))).flat();
  const panels = await Promise.all(dashboard.panels.map((panel) => drawn(panel, marks)));
  const { background, text } = theme.colors;
  const style = { margin: 0, background: background.canvas, color: text.primary, fontFamily: "Inter, sans-serif" };
  Object.assign(document.body.style, style);
  const height = HEAD + Math.max(...dashboard.panels.map(({ gridPos }) => (gridPos.y + gridPos.h) * ROW)) + 4;
  createRoot(document.getElementById("root")).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles isExtensionSidebarOpen={false} />
      <div style={{ position: "relative", width: WIDTH, height }}>
        <div style={{ padding: "10px 12px", fontSize: 18 }}>
          {dashboard.title} <small style={{ color: text.secondary }}>{shown.says}</small>
        </div>
        {panels}
      </div>
      <PortalContainer />
    </ThemeContext.Provider>,
  );
}
main().catch((error) => console.error(`cannot be drawn: ${error.message}`));
