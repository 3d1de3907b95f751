import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Asks the questions on standard input through JDBC, a prepared statement each, in portions; writes the answers as JSON. */
public class Ask {
    private static final Pattern QUESTION = Pattern.compile("\"((?:[^\"\\\\]|\\\\.)*)\": \"((?:[^\"\\\\]|\\\\.)*)\"");

    public static void main(String[] arguments) throws Exception {
        String input = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
        List<String> answers = new ArrayList<>();
        try (Connection connection = DriverManager.getConnection(arguments[0], arguments[1], arguments[2])) {
            connection.setAutoCommit(false);
            connection.setReadOnly(true);
            Matcher question = QUESTION.matcher(input);
            while (question.find()) {
                String name = question.group(1);
                String rows = name.equals("tables") ? tables(connection) : rows(connection, unescape(question.group(2)));
                answers.add(quote(name) + ":" + rows);
            }
            connection.commit();
        }
        System.out.println("{" + String.join(",", answers) + "}");
    }

    private static String tables(Connection connection) throws Exception {
        List<String> rows = new ArrayList<>();
        try (ResultSet found = connection.getMetaData().getTables(null, "public", "%", null)) {
            while (found.next()) {
                rows.add("[" + quote(found.getString("TABLE_NAME")) + "]");
            }
        }
        return "[" + String.join(",", rows) + "]";
    }

    private static String rows(Connection connection, String sql) throws Exception {
        List<String> rows = new ArrayList<>();
        // Six times: from the fifth on the driver has the server keep the statement, and reads binary.
        for (int i = 0; i < 6; i++) {
            rows.clear();
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                statement.setFetchSize(100);
                try (ResultSet found = statement.executeQuery()) {
                    int n = found.getMetaData().getColumnCount();
                    while (found.next()) {
                        List<String> cells = new ArrayList<>();
                        for (int column = 1; column <= n; column++) {
                            String cell = found.getString(column);
                            cells.add(cell == null ? "null" : quote(cell));
                        }
                        rows.add("[" + String.join(",", cells) + "]");
                    }
                }
            }
        }
        return "[" + String.join(",", rows) + "]";
    }

    private static String unescape(String text) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '\\') {
                out.append(c);
                continue;
            }
            c = text.charAt(++i);
            switch (c) {
                case 'n' -> out.append('\n');
                case 't' -> out.append('\t');
                case 'u' -> {
                    out.append((char) Integer.parseInt(text.substring(i + 1, i + 5), 16));
                    i += 4;
                }
                default -> out.append(c);
            }
        }
        return out.toString();
    }

    private static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
