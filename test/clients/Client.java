import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;
import org.postgresql.util.PSQLException;

/**
 * Orders with JDBC.
 *
 * <p>Client show USER shows how ids, money, times and errors arrive; Client buy USER [KEY] buys a
 * product; only with a key is a repeat safe. JDBC_URL says which database.
 *
 * <p>JDBC gives jsonb as text and does not read it: the database takes apart what it has put
 * together.
 */
public class Client {
    private static final int ATTEMPTS = 10;

    private record Order(long id, boolean replayed) {}

    private interface Work<T> {
        T in(Connection connection) throws SQLException;
    }

    /** Can the same request succeed later? A PTxyz is an answer, and stays what it is. */
    private static boolean mayRepeat(SQLException error) {
        return error.getSQLState() == null || error.getSQLState().matches("40001|40P01|55P03|(08|57).*");
    }

    private static Connection connect() throws SQLException {
        Properties settings = new Properties();
        String options = System.getenv("PGOPTIONS");
        settings.setProperty("user", System.getenv("PGUSER"));
        settings.setProperty("ApplicationName", "client");
        if (options != null)
            settings.setProperty("options", options);
        return DriverManager.getConnection(System.getenv("JDBC_URL"), settings);
    }

    /** Does the work in a transaction; after a failure that may pass, all of it again. */
    private static <T> T inTransaction(Work<T> work) throws Exception {
        for (int attempt = 1;; attempt++) {
            try (Connection connection = connect()) {
                connection.setAutoCommit(false);
                T result = work.in(connection);
                connection.commit();
                return result;
            } catch (SQLException error) {
                if (attempt == ATTEMPTS || !mayRepeat(error))
                    throw error;
                String code = error.getSQLState();
                System.out.println((code == null || code.startsWith("08") ? "connection lost" : code) + ", again");
            }
            Thread.sleep((long) (Math.random() * Math.min(1000, 20 << attempt)));
        }
    }

    private static Order buy(Connection connection, long user, String key) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT ecommerce.add_to_cart(user_id => ?, product_id => 1, quantity => 3)")) {
            statement.setLong(1, user);
            statement.execute();
        }
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT (placed ->> 'id')::bigint, (placed ->> 'replayed')::boolean"
                + " FROM ecommerce.place_order(user_id => ?, idempotency_key => ?, expected_amount => ?) AS placed")) {
            statement.setLong(1, user);
            statement.setString(2, key);
            statement.setBigDecimal(3, new BigDecimal("0.30"));
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                Order order = new Order(row.getLong(1), row.getBoolean(2));
                // An earlier attempt did it all, so what this one put into the cart must not stay.
                if (order.replayed())
                    connection.rollback();
                return order;
            }
        }
    }

    private static void check(boolean condition, String what) {
        if (!condition)
            throw new AssertionError(what);
    }

    private static void show(long user) throws Exception {
        Order order = inTransaction(connection -> buy(connection, user, "shown"));
        Order again = inTransaction(connection -> buy(connection, user, "shown"));
        check(!order.replayed() && again.replayed() && again.id() == order.id(), "replayed");
        check(order.id() > 1L << 53, "an id is a long");
        try (Connection connection = connect()) {
            try (ResultSet row = connection.createStatement().executeQuery(
                    "SELECT line_amount, order_date FROM ecommerce_api.orders JOIN ecommerce_api.order_lines"
                    + " ON order_lines.order_id = orders.id WHERE orders.customer_id = " + user)) {
                row.next();
                check(row.getBigDecimal(1).equals(new BigDecimal("0.30")), "money is BigDecimal");
                check(row.getObject(2, java.time.OffsetDateTime.class) != null, "a time is OffsetDateTime");
            }
            try (PreparedStatement statement = connection.prepareStatement("SELECT ecommerce.place_order(user_id => ?)")) {
                statement.setLong(1, user);
                statement.execute();
                check(false, "an empty cart was ordered");
            } catch (PSQLException error) {
                check(!mayRepeat(error) && error.getSQLState().equals("PT404"), error.getSQLState());
                check(error.getServerErrorMessage().getMessage().equals("cart is empty"), "message");
                check(error.getServerErrorMessage().getDetail().equals("{\"code\": \"empty_cart\", \"user_id\": " + user + "}"), "detail");
                check(error.getServerErrorMessage().getHint().equals("Put a product into the cart with add_to_cart."), "hint");
            }
            // A double is sent as double precision, and there is no such function: money is no double.
            try (PreparedStatement statement = connection.prepareStatement(
                    "SELECT ecommerce.place_order(user_id => ?, expected_amount => ?)")) {
                statement.setLong(1, user);
                statement.setDouble(2, 0.3);
                statement.execute();
                check(false, "a double was taken");
            } catch (PSQLException error) {
                check(error.getSQLState().equals("42883"), error.getSQLState());
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        long user = Long.parseLong(arguments[1]);
        String key = arguments.length > 2 ? arguments[2] : null;

        if (arguments[0].equals("show"))
            show(user);
        else
            System.out.println("replayed " + inTransaction(connection -> buy(connection, user, key)).replayed());
    }
}
