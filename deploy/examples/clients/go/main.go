// A caller in Go. Reports that a contact has written for the first time, and prints who got it:
//
//	go run . dns:///evenhand.my-namespace:50051 my-shop contact-1
//
// in a module called evenhand, whose folder v1 is what protoc-gen-go makes of the contract (protos/buf.gen.yaml): in a
// module of your own, only the import below is another one. Beside this file lies client_service_config.json.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	_ "google.golang.org/grpc/health" // watches health, as the service config asks for
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	evenhandv1 "evenhand/v1"
)

//go:embed client_service_config.json
var serviceConfig string

// connect returns a connection for a whole process. What each option is for: deploy/examples/cluster_client.py.
func connect(target string) (*grpc.ClientConn, error) {
	// From grpc-go 1.64 on, dns.SetMinResolutionInterval(2 * time.Second) at the start of the program belongs here too.
	again := backoff.DefaultConfig
	again.BaseDelay, again.MaxDelay = 200*time.Millisecond, 5*time.Second
	return grpc.Dial(target, grpc.WithInsecure(), // from grpc-go 1.63 on: NewClient, and credentials/insecure
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: again, MinConnectTimeout: 5 * time.Second}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 5 * time.Second}))
}

func run(target, workspace, contact string) error {
	connection, err := connect(target)
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()

	service := &healthpb.HealthCheckRequest{Service: "evenhand.v1.AssignmentService"}
	health, err := healthpb.NewHealthClient(connection).Check(ctx, service)
	if err != nil {
		return err
	}
	fmt.Printf("health: %s\n", health.GetStatus())

	answer, err := evenhandv1.NewAssignmentServiceClient(connection).EvaluateContact(ctx, &evenhandv1.EvaluateContactRequest{
		WorkspaceId: workspace,
		EventType:   evenhandv1.EventType_EVENT_TYPE_CONTACT_CREATED,
		Contact:     &evenhandv1.Contact{Id: contact, Source: "whatsapp_dm", Channel: "whatsapp"},
		RequestId:   contact + "/first-message", // whoever reports this event again gets the same decision
	})
	if err != nil {
		return err
	}
	decision, owner, before := answer.GetDecision(), "", ""
	switch decision.GetOutcome() {
	case evenhandv1.Outcome_OUTCOME_ASSIGNED, evenhandv1.Outcome_OUTCOME_ALREADY_ASSIGNED:
		owner = " " + decision.GetAgentId()
	default: // nobody was there, or no rule wanted it: not an error
		owner = ", stays unassigned"
	}
	if decision.GetReplayed() {
		before = " (as decided before)"
	}
	fmt.Printf("%s: %s%s%s\n", contact, decision.GetOutcome(), owner, before)
	return nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: go run . TARGET WORKSPACE CONTACT")
		os.Exit(2)
	}
	err := run(os.Args[1], os.Args[2], os.Args[3])
	if err == nil {
		return
	}
	failed := status.Convert(err)
	reason, fields := failed.Message(), ""
	for _, detail := range failed.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = detail.GetReason()
		case *errdetails.BadRequest:
			for _, wrong := range detail.GetFieldViolations() {
				fields += fmt.Sprintf("  %s: %s\n", wrong.GetField(), wrong.GetDescription())
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%s %s\n%s", failed.Code(), reason, fields)
	os.Exit(1)
}
