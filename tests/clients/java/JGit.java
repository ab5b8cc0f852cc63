import java.io.File;
import java.nio.file.Files;
import org.eclipse.jgit.api.Git;

class JGit {
    public static void main(String[] arguments) throws Exception {
        File directory = new File(arguments[1]);
        try (Git git = Git.cloneRepository().setURI(arguments[0]).setDirectory(directory).call()) {
            System.out.print(Files.readString(directory.toPath().resolve("README.md")));
        }
    }
}
