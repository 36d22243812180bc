import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/** Prints the partition that Kafka's Java client chooses for each key: PartitionOf COUNT KEY... */
public class PartitionOf {
    public static void main(String[] arguments) {
        int count = Integer.parseInt(arguments[0]);
        for (int at = 1; at < arguments.length; at++) {
            byte[] key = arguments[at].getBytes(StandardCharsets.US_ASCII);
            System.out.println(BuiltInPartitioner.partitionForKey(key, count));
        }
    }
}
