// What Grafana does between a dashboard's file and its drawing: fill in variables, ask Prometheus, name the series, and
// apply transformations and field settings. The last two are Grafana's own code.
import {
  FieldConfigOptionsRegistry,
  FieldType,
  ThresholdsMode,
  applyFieldOverrides,
  standardTransformers,
  standardTransformersRegistry,
  toDataFrame,
  transformDataFrame,
} from "@grafana/data";
import { lastValueFrom } from "rxjs";

const STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
const STANDARD = "unit min max decimals displayName noValue thresholds mappings color".split(" ");
const CUSTOM = [
  ..."drawStyle lineInterpolation lineWidth lineStyle fillOpacity showPoints pointSize spanNulls stacking".split(" "),
  ..."axisPlacement axisLabel axisSoftMin axisSoftMax axisColorMode scaleDistribution thresholdsStyle".split(" "),
  ..."cellOptions width align inspect".split(" "),
];
// What each kind of panel begins with in Grafana, where its file says nothing.
const BEGINS = {
  timeseries: {
    color: { mode: "palette-classic" },
    custom: {
      ...{ drawStyle: "line", lineInterpolation: "linear", lineWidth: 1, showPoints: "auto", pointSize: 5 },
      ...{ axisPlacement: "auto", axisColorMode: "text", scaleDistribution: { type: "linear" } },
      ...{ spanNulls: false, thresholdsStyle: { mode: "off" } },
    },
  },
  barchart: {
    color: { mode: "palette-classic" },
    custom: { lineWidth: 1, fillOpacity: 80, thresholdsStyle: { mode: "off" } },
  },
  table: { color: { mode: "thresholds" }, custom: { align: "auto", inspect: false, cellOptions: { type: "auto" } } },
};

standardTransformersRegistry.setInit(() =>
  [...new Set(Object.values(standardTransformers))].map((one) => ({ id: one.id, name: one.name, transformation: one })),
);
const registry = new FieldConfigOptionsRegistry(() => {
  // As in Grafana, what an axis is called is not for the one along the bottom.
  const along = ({ type }) => type !== FieldType.time && type !== FieldType.string;
  const item = (id, path, isCustom) => ({
    id,
    path,
    isCustom,
    name: id,
    process: (value) => value,
    shouldApply: path === "axisLabel" ? along : () => true,
  });
  return [
    ...STANDARD.map((name) => item(name, name, false)),
    ...CUSTOM.map((name) => item(`custom.${name}`, name, true)),
  ];
});

/** The time that a panel shows, in seconds since 1970: the dashboard's, or as of midnight where it says `now/d`. */
export function rangeOf(panel, shown) {
  return { from: panel.timeFrom === "now/d" ? Math.floor(shown.to / 86400) * 86400 : shown.from, to: shown.to };
}

/** Return the frames of a panel as its component gets them; throw what Prometheus says against a query. */
export async function framesOf(panel, shown, theme, width) {
  const asked = await Promise.all((panel.targets ?? []).map((target) => answer(panel, target, shown, width)));
  const frames = asked.flat();
  const changed = await lastValueFrom(transformDataFrame(panel.transformations ?? [], frames));
  const begins = BEGINS[panel.type] ?? { color: { mode: "thresholds" } };
  const defaults = {
    ...begins,
    ...panel.fieldConfig.defaults,
    custom: { ...begins.custom, ...panel.fieldConfig.defaults.custom },
  };
  // In a file the first step has no value, as JSON knows no infinity.
  const steps = (defaults.thresholds?.steps ?? [{ color: "green" }]).map((step) => ({
    ...step,
    value: step.value ?? -Infinity,
  }));
  defaults.thresholds = { mode: ThresholdsMode.Absolute, steps };
  return applyFieldOverrides({
    data: changed,
    theme,
    timeZone: "utc",
    replaceVariables: (text) => text,
    fieldConfigRegistry: registry,
    fieldConfig: { defaults, overrides: panel.fieldConfig.overrides ?? [] },
  });
}

/** Return when what an annotation asks for was so: the time in ms, the text, and the color. */
export async function marksOf(annotation, shown) {
  const step = parseFloat(annotation.step) / shown.fold;
  const found = await ask(shown, fill(annotation.expr, shown, shown, step), { ...shown, step });
  const marks = new Map();
  for (const { metric, values } of found) {
    const text = named(annotation.titleFormat ?? annotation.name, metric);
    let before = -Infinity;
    for (const [time, value] of values.filter(([, value]) => Number(value) > 0)) {
      const at = annotation.useValueForTime ? Number(value) : time * 1000;
      // Consecutive steps are one region, of which the beginning is marked.
      if (annotation.useValueForTime || time > before + 1.5 * step)
        marks.set(`${at} ${text}`, { at, text, color: annotation.iconColor });
      before = time;
    }
  }
  return [...marks.values()].filter(({ at }) => at >= shown.from * 1000 && at <= shown.to * 1000);
}

async function answer(panel, target, shown, width) {
  const { from, to } = rangeOf(panel, shown);
  const least = panel.interval
    ? (parseFloat(panel.interval) * { s: 1, m: 60 }[panel.interval.slice(-1)]) / shown.fold
    : 0;
  const step = Math.max(shown.scrape, least, STEPS_S.find((one) => one >= (to - from) / width) ?? 3600);
  const expression = fill(target.expr, { from, to }, shown, step);
  const found = await ask(shown, expression, target.instant ? { to } : { from, to, step });
  if (target.format === "table") return found.length ? [table(target, found, panel.targets.length)] : [];
  return found.map(({ metric, value, values }) => {
    const have = new Map((values ?? [value]).map(([time, text]) => [time, text === "NaN" ? null : Number(text)]));
    const times = target.instant ? [...have.keys()] : [];
    // Holes stay holes.
    if (!target.instant) for (let at = Math.floor(from / step) * step; at <= to; at += step) times.push(at);
    return toDataFrame({
      refId: target.refId,
      fields: [
        { name: "Time", type: FieldType.time, values: times.map((at) => at * 1000), config: { interval: step * 1000 } },
        {
          name: "Value",
          type: FieldType.number,
          values: times.map((at) => have.get(at) ?? null),
          labels: metric,
          config: { displayNameFromDS: named(target.legendFormat, metric) },
        },
      ],
    });
  });
}

function table(target, found, queries) {
  const labels = [...new Set(found.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: "Time", type: FieldType.time, values: found.map(({ value }) => value[0] * 1000) },
      ...labels.map((name) => ({
        name,
        type: FieldType.string,
        values: found.map(({ metric }) => metric[name] ?? ""),
      })),
      {
        name: queries > 1 ? `Value #${target.refId}` : "Value",
        type: FieldType.number,
        values: found.map(({ value }) => Number(value[1])),
      },
    ],
  });
}

async function ask(shown, query, { from, to, step }) {
  const when = step ? { start: Math.floor(from / step) * step, end: to, step } : { time: to };
  const url = `${shown.prometheus}/api/v1/${step ? "query_range" : "query"}`;
  const reply = await (await fetch(url, { method: "POST", body: new URLSearchParams({ query, ...when }) })).json();
  if (reply.status !== "success") throw new Error(`${reply.error}: ${query}`);
  return reply.data.result;
}

function fill(expression, { from, to }, shown, step) {
  const values = {
    ...shown.variables,
    __range: `${Math.ceil(to - from)}s`,
    __interval: `${step * 1000}ms`,
    __rate_interval: shown.rate,
  };
  return expression.replace(/\$(\w+)/g, (_, name) => values[name]);
}

function named(format, labels) {
  return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? "");
}
