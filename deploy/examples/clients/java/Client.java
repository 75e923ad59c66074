import com.evenhand.v1.AssignmentServiceGrpc;
import com.evenhand.v1.Contact;
import com.evenhand.v1.Decision;
import com.evenhand.v1.EvaluateContactRequest;
import com.evenhand.v1.EventType;
import com.google.gson.Gson;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Status;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A caller in Java. Reports that a contact has written for the first time, and prints who got it:
 *
 * <pre>java Client dns:///evenhand.my-namespace:50051 my-shop contact-1 client_service_config.json</pre>
 *
 * Packages com.evenhand.v1, com.google.rpc and io.grpc.health.v1 are made of the .proto files by protoc; the latter two
 * are also in proto-google-common-protos and grpc-services. With grpc-services there, the channel watches health.
 */
public final class Client {
  public static void main(String[] arguments) throws IOException, InterruptedException {
    if (arguments.length != 4) {
      System.err.println("usage: java Client TARGET WORKSPACE CONTACT CLIENT_SERVICE_CONFIG");
      System.exit(2);
    }
    ManagedChannel channel = connect(arguments[0], Path.of(arguments[3]));
    try {
      firstMessage(channel, arguments[1], arguments[2]);
    } catch (StatusRuntimeException error) {
      System.err.println(describe(error));
      System.exit(1);
    } finally {
      channel.shutdown().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  /** Returns a channel for a whole process. What each option is for: deploy/examples/cluster_client.py. */
  @SuppressWarnings("unchecked")
  static ManagedChannel connect(String target, Path serviceConfig) throws IOException {
    Security.setProperty("networkaddress.cache.ttl", "2"); // seconds for which Java remembers what a name stands for
    return ManagedChannelBuilder.forTarget(target)
        .usePlaintext()
        .defaultServiceConfig(new Gson().fromJson(Files.readString(serviceConfig), Map.class))
        .enableRetry()
        .keepAliveTime(20, TimeUnit.SECONDS)
        .keepAliveTimeout(5, TimeUnit.SECONDS)
        .build();
  }

  static void firstMessage(ManagedChannel channel, String workspace, String contact) {
    HealthCheckRequest service = HealthCheckRequest.newBuilder().setService("evenhand.v1.AssignmentService").build();
    // The first call of a JVM has gRPC's classes to load.
    var health = HealthGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.SECONDS).check(service);
    System.out.println("health: " + health.getStatus());

    EvaluateContactRequest request =
        EvaluateContactRequest.newBuilder()
            .setWorkspaceId(workspace)
            .setEventType(EventType.EVENT_TYPE_CONTACT_CREATED)
            .setContact(Contact.newBuilder().setId(contact).setSource("whatsapp_dm").setChannel("whatsapp"))
            .setRequestId(contact + "/first-message") // whoever reports this event again gets the same decision
            .build();
    var stub = AssignmentServiceGrpc.newBlockingStub(channel).withDeadlineAfter(2, TimeUnit.SECONDS);
    Decision decision = stub.evaluateContact(request).getDecision();
    String owner;
    switch (decision.getOutcome()) {
      case OUTCOME_ASSIGNED:
      case OUTCOME_ALREADY_ASSIGNED:
        owner = " " + decision.getAgentId();
        break;
      default: // nobody was there, or no rule wanted it: not an error
        owner = ", stays unassigned";
    }
    String again = decision.getReplayed() ? " (as decided before)" : "";
    System.out.println(contact + ": " + decision.getOutcome() + owner + again);
  }

  /** Returns the code and reason of an error, and a line for each wrong field. */
  static String describe(StatusRuntimeException error) throws InvalidProtocolBufferException {
    Status status = StatusProto.fromThrowable(error);
    String reason = error.getStatus().getDescription(); // gRPC's own words, if the service was not reached
    StringBuilder fields = new StringBuilder();
    for (Any detail : status.getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        reason = detail.unpack(ErrorInfo.class).getReason();
      } else if (detail.is(BadRequest.class)) {
        for (BadRequest.FieldViolation wrong : detail.unpack(BadRequest.class).getFieldViolationsList()) {
          fields.append("\n  ").append(wrong.getField()).append(": ").append(wrong.getDescription());
        }
      }
    }
    return error.getStatus().getCode() + " " + reason + fields;
  }
}
