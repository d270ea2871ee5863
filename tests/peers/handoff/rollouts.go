// Measures the metric on standard input with the web provider of Argo Rollouts, and prints the
// measurement.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/argo-rollouts/metricproviders/webmetric"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	log "github.com/sirupsen/logrus"
)

func measure() error {
	var metric v1alpha1.Metric
	if err := json.NewDecoder(os.Stdin).Decode(&metric); err != nil {
		return err
	}
	client, err := webmetric.NewWebMetricHttpClient(metric)
	if err != nil {
		return err
	}
	parser, err := webmetric.NewWebMetricJsonParser(metric)
	if err != nil {
		return err
	}
	provider := webmetric.NewWebMetricProvider(*log.WithField("metric", metric.Name), client, parser)
	return json.NewEncoder(os.Stdout).Encode(provider.Run(&v1alpha1.AnalysisRun{}, metric))
}

func main() {
	if err := measure(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
