/* Where each number of the explorer stands: file, row, line, column and cell, as the marks of the text have them. */
"use strict";

(() => {
  const METRICS = ["mAP", "rank1"];
  const subset = (dataset, mask) => dataset.attributes.map((name, bit) => `${name}=${(mask >> bit) & 1}`).join(",");
  // A file has a line of names above subset 0.
  const line = (mask) => mask + 2;

  window.explorerPlaces = {
    /* What a subset retrieves, and how far it tells who it is. */
    alone(dataset, mask, metric) {
      const names = Object.keys(dataset.packed).filter((name) => name === metric || !METRICS.includes(name));
      return {
        file: `leakage_subsets_${dataset.name}.csv`,
        row: subset(dataset, mask),
        line: line(mask),
        column: names.map((name) => dataset.packed[name].column).join(", "),
        cell: names.map((name) => dataset.values[name][mask]).join(", "),
      };
    },

    /* The difference of two subsets. */
    change(dataset, more, less, name) {
      return {
        file: `leakage_subsets_${dataset.name}.csv`,
        row: `${subset(dataset, more)} less ${subset(dataset, less)}`,
        line: `${line(more)} less ${line(less)}`,
        column: dataset.packed[name].column,
        cell: `${dataset.values[name][more]} less ${dataset.values[name][less]}`,
      };
    },

    /* The differences beside all attributes. */
    changes(dataset, mask, metric) {
      return {
        file: `leakage_subsets_${dataset.name}.csv`,
        row: subset(dataset, mask),
        line: line(mask),
        column: dataset.packed[metric].column,
        how: `beside each attribute stands the line with this attribute changed less line ${line(mask)}`,
      };
    },

    paper(dataset, { name, paper, paperLine }, metric) {
      const file = `table3_${dataset.name}.csv`;
      return { file, row: `configuration=${name}`, line: paperLine, column: metric, cell: paper[metric] };
    },

    glm(dataset, metric) {
      return {
        file: "published_glm.csv",
        also: "published_glm_covariance.csv published_glm_residual.csv",
        row: `dataset=${dataset.name},metric=${metric}`,
        column: "coef",
        how:
          "the coefficients of Intercept and of what is ticked, added up; the interval from their covariances, the " +
          "residual variance and the quantile of Student’s t in the two files beside",
      };
    },

    ours(dataset, { name, ours, oursLine }, metric) {
      return {
        file: `experiment_table3_${dataset.name}.csv`,
        row: `configuration=${name}`,
        line: oursLine,
        column: `${metric}, ${metric}_sd`,
        cell: ours[metric].join(", "),
      };
    },

    gain(dataset, { name, gain, gainLine }) {
      return {
        file: "robust_gains.csv",
        row: `dataset=${dataset.name},configuration=${name}`,
        line: gainLine,
        column: "gain, sim_low, sim_high",
        cell: gain.join(", "),
      };
    },

    control(dataset, { name, mAP, line }) {
      return {
        file: "oracle_controls.csv",
        row: `dataset=${dataset.name},control=${name}`,
        line,
        column: "mAP, ci_low, ci_high",
        cell: mAP.join(", "),
      };
    },
  };
})();
