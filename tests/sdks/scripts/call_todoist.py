import os

from todoist_api_python.api import TodoistAPI

print(TodoistAPI(os.environ["TODOIST_API_TOKEN"]).get_task("6X7rM8997g3RQmvh").content)
